// The worklist: asks the API once a second while the page is seen, and draws what it says.
"use strict";

const byId = (id) => document.getElementById(id);
const figures = new Map(); // job → text of its PSNR, read once from its report

function request(path, options = {}) {
  const headers = new Headers(options.headers);
  if (byId("key").value) headers.set("Authorization", "Bearer " + byId("key").value);
  return fetch(path, { ...options, headers });
}

async function say(response) {
  if (response.status === 401) document.querySelector(".key").hidden = false;
  const problem = await response.json().catch(() => ({}));
  byId("message").textContent = problem.detail || response.statusText;
}

function cell(row, content, name) {
  const td = row.insertCell();
  td.append(...[content].flat());
  if (name) td.className = name;
}

// A link that sends the key: a browser alone would not.
function link(text, path) {
  const a = document.createElement("a");
  a.textContent = text;
  a.href = path;
  a.addEventListener("click", async (event) => {
    if (!byId("key").value) return;
    event.preventDefault();
    const response = await request(path);
    if (!response.ok) return say(response);
    const saved = document.createElement("a");
    saved.href = URL.createObjectURL(await response.blob());
    saved.download = path.split("/").pop();
    saved.click();
    URL.revokeObjectURL(saved.href);
  });
  return a;
}

function progress(job) {
  const { slices_done: done, slices, method, eta_seconds: eta } = job.progress;
  if (job.state !== "running") return job.error || "";
  const bar = document.createElement("progress");
  bar.max = slices || 1;
  bar.value = done;
  bar.setAttribute("aria-label", "slices finished");
  return [bar, ` ${method || "opening"} ${done}/${slices}` + (eta ? `, ${Math.ceil(eta)} s left` : "")];
}

async function readFigures(job, path) {
  figures.set(job.id, "");
  const response = await request(path + "/report.json");
  if (!response.ok) return figures.delete(job.id);
  const report = await response.json();
  figures.set(job.id, report.methods.map((m) => `${m.name} ${m.volume ? m.volume.psnr.toFixed(2) : "no reference"}`).join(", "));
}

function results(job, path) {
  if (job.state === "queued" || job.state === "running") {
    const cancel = document.createElement("button");
    cancel.textContent = "Cancel";
    cancel.addEventListener("click", async () => {
      const response = await request(path, { method: "DELETE" });
      if (!response.ok) say(response);
      refresh();
    });
    return cancel;
  }
  if (job.state !== "done") return "";
  return [link("report", path + "/report.html"), " ", link("DICOM", path + "/dicom.zip"), " ", link("HDF5", path + "/reconstruction.h5")];
}

function draw(scans) {
  const jobs = scans.flatMap((scan) => scan.jobs).sort((a, b) => b.created.localeCompare(a.created));
  const rows = jobs.map((job) => {
    const path = "/api/v1/jobs/" + job.id;
    if (job.state === "done" && !figures.has(job.id)) readFigures(job, path);
    const row = document.createElement("tr");
    cell(row, job.scan.slice(0, 8));
    cell(row, new Date(job.created).toLocaleString());
    cell(row, job.state, job.state);
    cell(row, progress(job));
    cell(row, job.recipe.mask === "none" ? "as acquired" : "×" + job.recipe.accel);
    cell(row, figures.get(job.id) || "");
    cell(row, results(job, path));
    return row;
  });
  const focused = document.activeElement?.closest?.("tbody");
  if (!focused) byId("jobs").replaceChildren(...rows); // not under the keyboard's focus
}

async function refresh() {
  const response = await request("/api/v1/scans").catch(() => null);
  if (!response) byId("message").textContent = "The server does not answer.";
  else if (!response.ok) await say(response);
  else draw((await response.json()).scans);
}

async function push(file) {
  byId("message").textContent = `Pushing ${file.size} bytes …`;
  const type = /\.h5$/i.test(file.name) ? "application/x-hdf5" : "application/dicom";
  const response = await request("/api/v1/scans", { method: "POST", headers: { "Content-Type": type }, body: file });
  if (!response.ok) return say(response);
  byId("message").textContent = "Taken: SHA-256 " + (await response.json()).sha256;
  refresh();
}

byId("file").addEventListener("change", (event) => event.target.files[0] && push(event.target.files[0]));
for (const name of ["dragover", "dragleave", "drop"]) {
  byId("drop").addEventListener(name, (event) => {
    event.preventDefault();
    byId("drop").classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files[0]) push(event.dataTransfer.files[0]);
  });
}
setInterval(() => document.hidden || refresh(), 1000);
refresh();
