// A dozen requests at once with a stale access token: node try.mjs fetch|axios [address]

const [client = "fetch", address = "http://127.0.0.1:8000"] = process.argv.slice(2);
const { createApi } = await import(`./api_${client}.mjs`);

const kept = new Map();
const given = new Set(); // every refresh token that we ever held
const storage = {
  getItem: (name) => kept.get(name),
  setItem(name, value) {
    kept.set(name, value);
    if (name === "refresh_token") given.add(value);
  },
};

const api = createApi(`${address}/api/v1`, storage);
const email = `${client}-${Date.now()}@example.com`;
const password = "correct horse battery staple";
await api.post("/auth/register", { email, password });
await api.logIn(email, password);

// What fifteen minutes do to a token, a wrong signature does at once.
kept.set("access_token", `${kept.get("access_token").slice(0, -8)}AAAAAAAA`);

const paths = Array.from({ length: 12 }, (_, n) => (n % 2 ? "/users/me" : "/auth/sessions"));
const answers = await Promise.all(paths.map((path) => api.get(path)));
const after = await api.get("/users/me");

const report = {
  succeeded: answers.filter((answer) => answer.status === 200).length,
  pairs_since_login: given.size - 1,
  still_logged_in: after.status === 200,
};
console.log(JSON.stringify(report));
