// The blinded comparison: two series of the job, of which the page shows nothing that tells which is which. The server draws the
// sides. The address says #blind and no methods; those are kept in the tab.
import { getSession, listReviews, listScans, messageOf, nextComparison, prefer, Problem, type Comparison, type Job, type Review, type Scan } from "../../api";
import { element } from "../../element";
import { dialog } from "../dialog";
import type { Room } from "../room";
import type { Series } from "../series";
import { ask } from "./ask";

type Pair = [string, string];

const hash = "#blind";
const stored = "closer-blind";

// drawn is the comparison that the address asks for, if it does and the job can show it.
export async function drawn(job: Job): Promise<Comparison | undefined> {
  const pair = sessionStorage.getItem(stored)?.split(",");
  if (location.hash !== hash || pair?.length !== 2) return undefined;
  try {
    return await nextComparison(job.id, pair as Pair);
  } catch (problem) {
    if (problem instanceof Problem && problem.status === 409) return undefined; // the job has not made both
    throw problem;
  }
}

// blinded are the two series of a comparison without their names.
export function blinded(series: Series[], { left, right }: Comparison): Series[] {
  return [["A", left], ["B", right]].flatMap(([name, method]) =>
    series.filter((s) => s.id === method).map((s): Series => ({ ...s, id: name!, title: name!, kind: "blind" })));
}

function enter(job: string): void {
  const path = `/study/${job}`;
  if (path !== location.pathname) return location.assign(path + hash);
  location.hash = hash;
  location.reload(); // another fragment alone loads nothing
}

export const leave = () => location.assign(location.pathname);

// begin asks which two methods to compare.
export function begin(room: Room): void {
  const methods = room.series.filter((s) => s.kind === "method");
  const select = (label: string, chosen: Series | undefined) => {
    const made = element("select", {}, ...methods.map((s) => element("option", { value: s.id, selected: s === chosen }, s.title)));
    return { made, label: element("label", {}, label, made) };
  };
  const [one, other] = [select("One", methods.at(-2)), select("The other", methods.at(-1))];
  const start = async () => {
    if (one.made.value === other.made.value) throw new Error("Choose two different methods.");
    sessionStorage.setItem(stored, [one.made.value, other.made.value].join(","));
    await nextComparison(room.job.id, [one.made.value, other.made.value]); // may the reader do this?
    enter(room.job.id);
  };
  const text = "The page shows both as A and B and hides what tells which is which.";
  show("Blinded comparison", [element("p", {}, text), one.label, other.label], [["Begin", start]]);
}

// answers heads the page while it is blinded.
export const answers = (room: Room): Node[] => {
  const button = (text: string, key: string, f: () => void) => {
    const made = element("button", { type: "button" }, text, " ", element("kbd", {}, key));
    made.addEventListener("click", f);
    return made;
  };
  return [
    element("strong", {}, "Which is better?"), button("A", "⇧A", () => answer(room, "A")), button("neither", "⇧N", () => answer(room, "neither")),
    button("B", "⇧B", () => answer(room, "B")), button("Leave", "⇧Q", leave),
  ];
};

const asked = { A: "A is better", B: "B is better", neither: "Neither is better" };

export async function answer({ job, blind }: Room, side: keyof typeof asked): Promise<void> {
  if (!blind) return;
  const preferred = { A: blind.left, B: blind.right, neither: "neither" }[side];
  if (!(await ask(asked[side], "Record", false, (reason) => prefer(job.id, { ...blind, preferred }, reason)))) return;
  const next = await Promise.all([listScans(), listReviews(), getSession()])
    .then(([scans, reviews, { user }]) => unanswered(scans, reviews, user, [blind.left, blind.right]), () => undefined);
  const further: Choice[] = next ? [["Next scan", async () => enter(next)]] : [];
  show("Recorded", [element("p", {}, next ? "" : "There is no further scan with these two.")],
    [...further, ["This scan again", async () => enter(job.id)], ["Leave", async () => leave()]]);
}

// unanswered is the newest job with both series that the user has not compared yet.
export function unanswered(scans: Scan[], reviews: Review[], user: string, pair: Pair): string | undefined {
  const same = (p: Comparison) => pair.includes(p.left) && pair.includes(p.right);
  const answered = new Set(reviews.filter((r) => r.user === user && r.preference && same(r.preference)).map((r) => r.job));
  return scans.flatMap((s) => s.jobs).find((j) => j.state === "done" && !answered.has(j.id) && pair.every((m) => j.recipe.methods?.includes(m)))?.id;
}

type Choice = [text: string, run: () => Promise<unknown>];

// show is a dialog with content and choices, the first of which has the focus.
function show(title: string, content: Node[], choices: Choice[]): void {
  const wrong = element("p", { className: "wrong", role: "alert" });
  const buttons = choices.map(([text, run], i) => {
    const made = element("button", { type: "button", autofocus: i === 0 }, text);
    made.addEventListener("click", () => run().catch((problem) => (wrong.textContent = messageOf(problem))));
    return made;
  });
  dialog(title, element("div", { className: "ask" }, ...content, wrong, element("p", { className: "row" }, ...buttons)));
}
