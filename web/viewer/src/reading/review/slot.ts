// What stands in the header of a pane beside the name of its series.
import type { Job } from "../../api";
import type { Series } from "../series";

export function slot(_job: Job, _series: Series): Node[] {
  return [];
}
