// What readers decided on the series of the job of this page, and the control in the header of each pane that shows and changes it.
import { decide, getSession, listReviews, type Job, type Review, type Verdict } from "../../api";
import { element } from "../../element";
import { methodTitle } from "../series";
import { ask } from "./ask";

const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const signs: Record<Verdict, string> = { accepted: "✓", rejected: "✕" };
const verbs: Record<Verdict, string> = { accepted: "Accept", rejected: "Reject" };

export class Reviews {
  private list: Review[] = []; // decisions, oldest first
  private may = false;
  private readonly controls = new Map<HTMLElement, string>(); // and their methods

  constructor(private readonly job: string) {
    void Promise.all([getSession(), listReviews(job)]).then(
      ([session, list]) => {
        this.may = session.roles.includes("review");
        this.list = list.filter((r) => r.decision);
        this.draw();
      },
      () => undefined, // without them the page still shows images
    );
  }

  // control is a new element that stays up to date.
  control(method: string): HTMLElement {
    const made = element("span", { className: "verdict", ariaLive: "polite" });
    this.controls.set(made, method);
    this.fill(made, method);
    return made;
  }

  // judge asks for the reason and stores the verdict.
  async judge(method: string, verdict: Verdict): Promise<void> {
    if (!this.may) return;
    const past = this.of(method).map((r) => element("li", {}, said(r)));
    const send = async (reason: string) => {
      this.list.push(await decide(this.job, method, verdict, reason));
    };
    const history = past.length ? [element("ul", { className: "past" }, ...past)] : [];
    if (await ask(`${verbs[verdict]} ${methodTitle(method)}`, verbs[verdict], verdict === "rejected", send, ...history)) this.draw();
  }

  private of = (method: string) => this.list.filter((r) => r.decision?.method === method);

  private draw(): void {
    for (const [control, method] of this.controls) {
      if (control.isConnected) this.fill(control, method);
      else this.controls.delete(control);
    }
  }

  private fill(control: HTMLElement, method: string): void {
    const latest = this.of(method).at(-1);
    const verdict = latest?.decision?.verdict;
    control.title = latest ? said(latest) : "";
    if (!this.may) return control.replaceChildren(verdict ? `${signs[verdict]} ${verdict}` : "");
    control.replaceChildren(...(["accepted", "rejected"] as const).map((v) => {
      const button = element("button", { type: "button", className: v, ariaPressed: String(v === verdict) }, `${signs[v]} ${v === verdict ? v : verbs[v]}`);
      button.addEventListener("click", () => void this.judge(method, v));
      return button;
    }));
  }
}

const said = (r: Review) => `${r.decision!.verdict} by ${r.user}, ${when.format(new Date(r.time))}${r.reason ? `: ${r.reason}` : ""}`;

let opened: { job: string; reviews: Reviews } | undefined;

// reviewsOf are the reviews of the job that the page shows.
export function reviewsOf({ id }: Job): Reviews {
  if (opened?.job !== id) opened = { job: id, reviews: new Reviews(id) };
  return opened.reviews;
}
