// Asks each service for something that it does not have: its own 404 says that it runs, the load balancer's 502 to 504 that it does not.
for (const cell of document.querySelectorAll("[data-ask]")) {
  fetch(cell.dataset.ask, { cache: "no-store" })
    .then((answer) => answer.status < 500)
    .catch(() => false)
    .then((up) => {
      cell.className = up ? "up" : "down";
      cell.textContent = up ? "answers" : "does not answer";
    });
}
