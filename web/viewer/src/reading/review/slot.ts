// What stands in the header of a pane beside the name of its series.
import type { Job } from "../../api";
import type { Series } from "../series";
import { reviewsOf } from "./reviews";

export const slot = (job: Job, { id, kind }: Series): Node[] => (kind === "method" ? [reviewsOf(job).control(id)] : []);
