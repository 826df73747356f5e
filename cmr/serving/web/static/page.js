// Makes the page quicker to use; everything in it is reached without this too.

const box = document.getElementById("q");
const search = document.getElementById("search");
const given = document.getElementById("given");
const choice = document.querySelector("input[type=file]");
const dialog = document.getElementById("look");

const pictures = () => [...document.querySelectorAll(".results .picture")];

async function fetchPage(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function say(sentence, isError = false) {
  const note = document.createElement("p");
  note.className = isError ? "note error" : "note";
  note.textContent = sentence;
  const notes = document.getElementById("notes");
  notes.querySelector(".said-by-script")?.remove();
  note.classList.add("said-by-script");
  notes.prepend(note);
}

// A picture as query: chosen, dropped or pasted.

function give(file) {
  const transfer = new DataTransfer();
  transfer.items.add(file);
  choice.files = transfer.files;
  sendChosen();
}

function sendChosen() {
  const [file] = choice.files;
  if (!file) return;
  // What a form adds to the file is less than this.
  if (file.size > Number(document.body.dataset.maxUploadBytes) - 20000) {
    say(`${file.name} has ${(file.size / 2 ** 20).toFixed(1)} MB, more than this server takes.`, true);
    choice.value = "";
    return;
  }
  // What has been typed meanwhile belongs to the query.
  let words = given.querySelector("input[name=q]");
  if (!words) {
    words = document.createElement("input");
    words.type = "hidden";
    words.name = "q";
    given.append(words);
  }
  words.value = box.value;
  say("Looking at the picture …");
  given.requestSubmit();
}

choice.addEventListener("change", sendChosen);

let isOwnDrag = false;
document.addEventListener("dragstart", () => (isOwnDrag = true));
document.addEventListener("dragend", () => (isOwnDrag = false));

const holdsFiles = (event) => !isOwnDrag && event.dataTransfer?.types.includes("Files");

document.addEventListener("dragover", (event) => {
  if (holdsFiles(event)) {
    event.preventDefault();
    document.body.classList.add("dropping");
  }
});

document.addEventListener("dragleave", (event) => {
  // Only where the pointer leaves the window, and not one thing in it for another.
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});

document.addEventListener("drop", (event) => {
  document.body.classList.remove("dropping");
  if (!holdsFiles(event)) return;
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file) give(file);
});

document.addEventListener("paste", (event) => {
  const [file] = event.clipboardData.files;
  if (file) give(file);
});

// More results, once their end comes into view.

const atEnd = new IntersectionObserver(
  ([entry]) => entry.isIntersecting && loadMore(entry.target),
  { rootMargin: "800px" },
);

async function loadMore(link) {
  atEnd.unobserve(link);
  const words = link.textContent;
  link.textContent = "Loading …";
  try {
    const page = await fetchPage(link.href);
    document.querySelector(".results").append(...page.querySelectorAll(".results > li"));
    const next = page.querySelector(".more a");
    if (next) {
      link.href = next.href;
      link.textContent = words;
      atEnd.observe(link);
    } else {
      link.closest(".more").remove();
    }
  } catch {
    // It is still a link, and its page says what is wrong.
    link.textContent = words;
  }
}

for (const link of document.querySelectorAll(".more a")) {
  atEnd.observe(link);
}

// A picture and what one would say, above the results. It has an address of its own, which back leaves again.

// Counts what was asked to be seen: of several answers under way only the last one's is shown.
let lastLook = 0;

async function look(address, { isBack = false } = {}) {
  const ownLook = ++lastLook;
  const page = await fetchPage(address).catch(() => null);
  if (ownLook !== lastLook) return;
  const article = page?.querySelector(".seen");
  if (!article) {
    location.assign(address);
    return;
  }
  const close = document.createElement("button");
  close.className = "close";
  close.type = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.replaceChildren(close, article);
  dialog.dataset.address = address;
  if (!isBack) {
    history[dialog.open ? "replaceState" : "pushState"]({ isLook: true }, "", address);
  }
  if (!dialog.open) dialog.showModal();
  close.focus({ focusVisible: false });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a.look");
  const isPlain = !(event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (link && isPlain) {
    event.preventDefault();
    look(link.href);
  }
});

dialog.addEventListener("click", (event) => {
  // The dark around it is the dialog's own box.
  if (event.target === dialog) dialog.close();
});

dialog.addEventListener("close", () => {
  lastLook++;
  if (history.state?.isLook) history.back();
});

const pathAndQuery = () => location.pathname + location.search;
const loadedAs = pathAndQuery();
const isResultsPage = !document.querySelector("main .seen");

window.addEventListener("popstate", () => {
  lastLook++;
  if (pathAndQuery() === loadedAs) {
    if (dialog.open) dialog.close();
  } else if (history.state?.isLook && isResultsPage) {
    look(location.href, { isBack: true });
  } else {
    // A picture's page that was loaded again stands where its results were, too.
    location.reload();
  }
});

// Keys: / to the box, arrows among the pictures, Enter looks (it is a link), Escape goes back.

function below(link, direction) {
  const from = link.getBoundingClientRect();
  const middle = from.left + from.width / 2;
  const others = pictures()
    .map((each) => ({ each, box: each.getBoundingClientRect() }))
    .filter(({ box }) => direction * (box.top - from.top) > 1);
  const nearest = Math.min(...others.map(({ box }) => direction * box.top));
  const row = others.filter(({ box }) => direction * box.top - nearest < 1);
  const distance = ({ box }) => Math.abs(box.left + box.width / 2 - middle);
  return row.sort((first, second) => distance(first) - distance(second))[0]?.each;
}

function next(link, key) {
  const all = pictures();
  if (key === "ArrowRight") return all[all.indexOf(link) + 1];
  if (key === "ArrowLeft") return all[all.indexOf(link) - 1];
  return below(link, key === "ArrowDown" ? 1 : -1);
}

function lookAtNext(key) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
  const all = pictures();
  const path = new URL(dialog.dataset.address).pathname;
  const place = all.findIndex((link) => new URL(link.href).pathname === path);
  const link = step && place >= 0 && all[place + step];
  if (link) {
    look(link.href);
    link.scrollIntoView({ block: "nearest" });
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (dialog.open) {
    lookAtNext(event.key);
    return;
  }
  const focused = document.activeElement;
  const isTyping = focused === box;
  if (event.key === "/" && !isTyping) {
    event.preventDefault();
    box.focus();
    box.select();
  } else if (event.key === "Escape") {
    if (isTyping) box.blur();
    else box.focus();
  } else if (isTyping && event.key === "ArrowDown") {
    event.preventDefault();
    pictures()[0]?.focus();
  } else if (event.key.startsWith("Arrow") && focused.matches(".results .picture")) {
    event.preventDefault();
    const to = next(focused, event.key) ?? (event.key === "ArrowUp" ? box : null);
    to?.focus();
    to?.scrollIntoView({ block: "nearest" });
  } else if (event.key === "ArrowRight" && focused === document.body) {
    pictures()[0]?.focus();
  }
});

// An empty search begins anew.
search.addEventListener("submit", () => {
  for (const field of search.querySelectorAll("input")) field.disabled = !field.value;
});
window.addEventListener("pageshow", (event) => {
  // Back to a page as it was left: the box says what its address says, and not what was typed for the next one.
  if (event.persisted) box.value = box.defaultValue;
  for (const field of search.querySelectorAll("input")) field.disabled = false;
  document.querySelector(".said-by-script")?.remove();
});

// What can be searched already, while it is being indexed.

const status = document.getElementById("status");

async function follow() {
  try {
    const { says, pictures: count } = await (await fetch("/api/status")).json();
    if (!says) {
      // The end alone is read aloud: each step would interrupt who listens.
      say(`Indexing has ended: ${count.toLocaleString("en")} pictures can be searched.`);
      status.remove();
      return;
    }
    status.textContent = says;
  } catch {
    // The server was stopped; the next look may meet it again.
  }
  setTimeout(follow, 3000);
}

if (status) setTimeout(follow, 3000);
