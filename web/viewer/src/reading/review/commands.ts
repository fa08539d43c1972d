// The reader's judgement by key.
import type { Verdict } from "../../api";
import type { Command } from "../commands";
import type { Room } from "../room";
import { answer, begin, leave } from "./blind";
import { reviewsOf } from "./reviews";

const judge = (verdict: Verdict) => ({ job, active }: Room) => {
  if (active.slice && active.series.kind === "method") void reviewsOf(job).judge(active.series.id, verdict);
};

export const reviewCommands: Command[] = [
  { group: "Review", when: "sighted", title: "Accept the series of the pane", keys: ["y"], run: judge("accepted") },
  { group: "Review", when: "sighted", title: "Reject the series of the pane", keys: ["x"], run: judge("rejected") },
  { group: "Review", when: "sighted", title: "Compare two methods blinded", keys: ["shift+B"], button: "Blinded", run: begin },
  { group: "Review", when: "blind", title: "A is better", keys: ["shift+A"], run: (r) => void answer(r, "A") },
  { group: "Review", when: "blind", title: "B is better", keys: ["shift+B"], run: (r) => void answer(r, "B") },
  { group: "Review", when: "blind", title: "Neither is better", keys: ["shift+N"], run: (r) => void answer(r, "neither") },
  { group: "Review", when: "blind", title: "Leave the blinded comparison", keys: ["shift+Q"], run: leave },
];
