// Makes the tables and the users.

import { getMigrations } from "better-auth/db/migration";
import { auth, options } from "./auth.mjs";

const { runMigrations } = await getMigrations(options);
await runMigrations();
for (const email of process.env.BENCH_EMAILS.split(",")) {
  const body = { email, name: email, password: process.env.BENCH_PASSWORD };
  await auth.api.signUpEmail({ body });
}
await options.database.end();
