// The same with axios: one interceptor puts the token in, another renews it and tries again.

import axios from "axios";

export function createApi(baseURL, storage) {
  const api = axios.create({ baseURL });
  const post = async (path, body) => (await axios.post(baseURL + path, body)).data;

  function keep({ access_token, refresh_token }) {
    storage.setItem("access_token", access_token);
    storage.setItem("refresh_token", refresh_token);
  }

  api.interceptors.request.use((config) => {
    config.accessToken = storage.getItem("access_token");
    config.headers.Authorization = `Bearer ${config.accessToken}`;
    return config;
  });

  api.interceptors.response.use(
    (answer) => answer,
    async (error) => {
      const request = error.config;
      if (error.response?.status !== 401 || request.wasTriedAgain) throw error;
      request.wasTriedAgain = true;
      // If another request renewed the session meanwhile, do not renew it once more.
      if (storage.getItem("access_token") === request.accessToken) {
        const refresh_token = storage.getItem("refresh_token");
        keep(await post("/auth/refresh", { refresh_token }));
      }
      return api(request);
    },
  );

  return {
    post,
    get: (path) => api.get(path),

    async logIn(email, password) {
      keep(await post("/auth/login", { email, password, transport: "bearer" }));
    },
  };
}
