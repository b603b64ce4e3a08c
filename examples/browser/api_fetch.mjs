// A client with the browser's own fetch: it renews the session when the access token is refused,
// and sends the request again. `storage` is sessionStorage, or anything with getItem and setItem.

export function createApi(baseURL, storage) {
  const send = (path, { headers, ...options } = {}) =>
    fetch(baseURL + path, {
      ...options,
      headers: { ...headers, Authorization: `Bearer ${storage.getItem("access_token")}` },
    });

  async function post(path, body) {
    const answer = await fetch(baseURL + path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${(await answer.json()).code}`);
    return answer.json();
  }

  function keep({ access_token, refresh_token }) {
    storage.setItem("access_token", access_token);
    storage.setItem("refresh_token", refresh_token);
  }

  return {
    post,

    async logIn(email, password) {
      keep(await post("/auth/login", { email, password, transport: "bearer" }));
    },

    // Requests that are refused together renew together, and need not know of each other: the same
    // refresh token gives the same pair again. If the session was renewed meanwhile, do not renew it
    // once more.
    async get(path) {
      const used = storage.getItem("access_token");
      const answer = await send(path);
      if (answer.status !== 401) return answer;
      if (storage.getItem("access_token") === used) {
        const refresh_token = storage.getItem("refresh_token");
        keep(await post("/auth/refresh", { refresh_token }));
      }
      return send(path);
    },
  };
}
