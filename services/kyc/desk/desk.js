// The desk of reviewers: logs in at auth, then asks kyc's API for everything, as any other client does. Tokens are in memory alone.

const element = (id) => document.getElementById(id);
const FIELDS = { pan: "PAN", name: "Name", date_of_birth: "Date of birth", gender: "Gender", address: "Address",
  gestures: "Gestures asked for", distance: "Distance of the faces" };
const READ = { pan: "card_number", name: "card_name", date_of_birth: "card_date_of_birth" };

let tokens = null;
let flow = null;
let review = null;
let ticking = null;

class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `The service answers ${status}.`);
    this.status = status;
    this.code = problem.code;
  }
}

async function send(method, path, body, bearer) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const found = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refusal(answer.status, found);
  return found;
}

// A request with the token of who is logged in: it is renewed where it ended, and a second factor is asked for where one is needed.
async function ask(method, path, body) {
  let renewed = false;
  for (;;) {
    try {
      return await send(method, path, body, tokens.access_token);
    } catch (refusal) {
      if (refusal.code === "step_up_needed") {
        await stepUp();
      } else if (refusal.code === "unauthenticated" && !renewed) {
        renewed = true;
        tokens = await send("POST", "/auth/refresh", { refresh_token: tokens.refresh_token });
      } else {
        throw refusal;
      }
    }
  }
}

function stepUp() {
  const dialog = element("step-up");
  element("again").value = "";
  dialog.returnValue = "cancel";
  dialog.showModal();
  return new Promise((resolve, reject) => {
    dialog.addEventListener("close", async () => {
      if (dialog.returnValue !== "confirm") return reject(new Error("Nothing was done: no second factor was shown."));
      try {
        const shown = await send("POST", "/auth/step-up", { totp: element("again").value }, tokens.access_token);
        tokens = { ...tokens, ...shown };
        resolve();
      } catch (refusal) {
        reject(refusal);
      }
    }, { once: true });
  });
}

const say = (text) => { element("status").textContent = text; };

// What a person does, with what goes wrong said once, and no second time while it goes on.
function act(doing) {
  return async (event) => {
    event.preventDefault();
    if (document.body.getAttribute("aria-busy") === "true") return;
    document.body.setAttribute("aria-busy", "true");
    element("failure").textContent = "";
    try {
      await doing(event);
    } catch (problem) {
      element("failure").textContent = problem.message;
    } finally {
      document.body.removeAttribute("aria-busy");
    }
  };
}

async function logIn() {
  const body = { email: element("email").value, password: element("password").value };
  const found = await send("POST", "/auth/login", body);
  element("password").value = "";
  if (found.access_token) return begin(found);
  flow = found.flow;
  element("login").hidden = true;
  element("second").hidden = false;
  element("code").focus();
}

async function secondFactor() {
  const shown = { flow, totp: element("code").value };
  element("code").value = "";
  begin(await send("POST", "/auth/login/second-factor", shown).catch((refusal) => {
    element("second").hidden = true; // a wrong code ends this log-in
    element("login").hidden = false;
    element("password").focus();
    throw refusal;
  }));
}

async function begin(given) {
  tokens = given;
  element("login").hidden = element("second").hidden = true;
  element("desk").hidden = false;
  await load();
  element("queue-title").focus();
}

async function load() {
  const { reviews } = await ask("GET", "/kyc/reviews");
  element("queue").replaceChildren(...reviews.map(line));
  element("nothing").hidden = reviews.length > 0;
  say(`${reviews.length} ${reviews.length === 1 ? "waits" : "wait"}.`);
}

function line(each) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.review = each.id;
  const kind = each.check ? "second look" : each.proposed ? "proposed" : "to decide";
  const late = new Date(each.due_at) < new Date() ? ", late" : "";
  button.textContent = `${each.kind.toUpperCase()} ${each.shown}: ${kind}${late}`;
  button.addEventListener("click", act(() => open(each)));
  const item = document.createElement("li");
  item.append(button);
  return item;
}

async function open(each) {
  close();
  const claimed = await ask("POST", `/kyc/reviews/${each.id}/claim`);
  const { values } = await ask("GET", `/kyc/reviews/${each.id}`);
  review = claimed;
  element("review-title").textContent = `${claimed.kind.toUpperCase()} ${claimed.shown}`;
  const items = claimed.findings.map((finding) => {
    const item = document.createElement("li");
    item.textContent = finding.replaceAll("_", " ");
    return item;
  });
  element("findings").replaceChildren(...items);
  element("values").replaceChildren(...rows(values));
  element("show").hidden = !claimed.document;
  element("decision").hidden = claimed.proposed;
  element("confirmation").hidden = !claimed.proposed;
  for (const button of element("queue").querySelectorAll("button")) {
    button.setAttribute("aria-current", String(button.dataset.review === each.id));
  }
  element("review").hidden = false;
  ticking = setInterval(tick, 1000);
  tick();
  say("It is yours for 15 minutes.");
  element("review-title").focus();
}

function rows(values) {
  return Object.entries(FIELDS).filter(([name]) => name in values).map(([name, title]) => {
    const read = values[READ[name]];
    const same = read === undefined ? "" : alike(values[name], read) ? "yes" : "NO";
    const row = document.createElement("tr");
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = title;
    row.append(head, ...[values[name], read ?? "—", same].map((text) => {
      const cell = document.createElement("td");
      cell.textContent = text;
      return cell;
    }));
    if (same === "NO") row.className = "differs";
    return row;
  });
}

const alike = (one, other) => one.trim().toUpperCase() === other.trim().toUpperCase();

function tick() {
  const left = Math.floor((new Date(review.claimed_until) - new Date()) / 1000);
  element("lease").textContent = left > 0
    ? `Held for ${Math.floor(left / 60)} min ${left % 60} s.`
    : "It is no longer held: open it again from the queue.";
}

async function showPicture() {
  const look = await ask("GET", `/kyc/reviews/${review.id}/document`);
  element("picture").src = look.url;
  element("caption").textContent = review.kind === "selfie"
    ? "From the left: the face on the card, then the frames: straight, first gesture, second gesture."
    : look.masked ? "Most of its number is painted over." : "Whole: keep it to yourself.";
  element("figure").hidden = false;
}

async function decide(event) {
  const reasons = [...element("reasons").querySelectorAll("input:checked")].map((box) => box.value);
  if (!reasons.length) throw new Error("Say why: tick at least one reason.");
  const outcome = new FormData(event.target).get("outcome");
  const found = await ask("POST", `/kyc/reviews/${review.id}/decision`, { outcome, reasons });
  await done(found.closed ? "Decided." : "Proposed: a second person has to agree.");
}

async function confirm(event) {
  const agreed = new FormData(event.target).get("agreed") === "true";
  await ask("POST", `/kyc/reviews/${review.id}/confirmation`, { agreed });
  await done(agreed ? "Approved." : "Given back to the queue.");
}

async function done(text) {
  close();
  await load();
  say(`${text} ${element("status").textContent}`);
  element("queue-title").focus();
}

// Nothing of the person before stays on the page.
function close() {
  clearInterval(ticking);
  review = null;
  element("review").hidden = element("figure").hidden = true;
  element("picture").removeAttribute("src");
  element("values").replaceChildren();
  element("decision").reset();
  element("confirmation").reset();
}

element("login").addEventListener("submit", act(logIn));
element("second").addEventListener("submit", act(secondFactor));
element("reload").addEventListener("click", act(load));
element("show").addEventListener("click", act(showPicture));
element("decision").addEventListener("submit", act(decide));
element("confirmation").addEventListener("submit", act(confirm));
element("email").focus();
