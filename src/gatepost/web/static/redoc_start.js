"use strict";

const viewer = document.getElementById("viewer");
Redoc.init(viewer.dataset.document, { hideDownloadButton: false }, viewer);
