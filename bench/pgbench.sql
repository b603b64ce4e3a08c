\set id random(1, 10000)
UPDATE bench_sessions
SET generation = generation + 1,
    renewed_at = now(),
    expires_at = least(absolute_expires_at, now() + interval '7 days')
WHERE id = :id AND generation >= 0 AND ended_at IS NULL AND expires_at > now()
RETURNING *;
