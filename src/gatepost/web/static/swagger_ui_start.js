"use strict";

// Swagger UI draws a dark page where its root says so: follow the reader's own choice.
const darkness = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", darkness.matches);
darkness.addEventListener("change", follow);
follow();

const viewer = document.getElementById("viewer");
SwaggerUIBundle({
  url: viewer.dataset.document,
  domNode: viewer,
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  showMutatedRequest: false,
  tryItOutEnabled: true,
  validatorUrl: "none",
});
