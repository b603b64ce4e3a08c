// better-auth with email and password on PostgreSQL, as its installation page sets it up.

import { betterAuth } from "better-auth";
import pg from "pg";

export const options = {
  secret: process.env.SECRET,
  baseURL: process.env.BENCH_URL,
  // By pg's own variables: PGHOST, PGDATABASE, PGUSER.
  database: new pg.Pool({ max: 20 }),
  emailAndPassword: { enabled: true },
  // All servers of this bench have their limits off or out of reach.
  rateLimit: { enabled: false },
};

export const auth = betterAuth(options);
