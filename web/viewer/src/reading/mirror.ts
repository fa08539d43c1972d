// A measurement in one pane stands in the others too, over the same place, so that their values can be compared.
import { eventTarget } from "@cornerstonejs/core";
import { annotation, Enums, utilities, type Types } from "@cornerstonejs/tools";
import { draw } from "./measure";

type Annotation = Types.Annotation;

const siblings = new Map<string, string[]>(); // by measurement, all of its group, itself too
let following = false; // what happens now was caused here

// mirrorMeasurements copies each finished measurement to the viewports that others names, and keeps the copies like it: they share
// their points.
export function mirrorMeasurements(others: (image: string) => string[]): void {
  const on = (name: string, f: (a: Annotation) => void) =>
    eventTarget.addEventListener(name, ((event: CustomEvent<{ annotation: Annotation }>) => {
      if (following || !event.detail.annotation.annotationUID) return;
      following = true;
      f(event.detail.annotation);
      following = false;
    }) as EventListener);
  const rest = (a: Annotation) => (siblings.get(a.annotationUID!) ?? []).filter((uid) => uid !== a.annotationUID);
  on(Enums.Events.ANNOTATION_COMPLETED, (a) => {
    const viewports = others(a.metadata!.referencedImageId ?? "");
    const group = [a.annotationUID!, ...viewports.map((v) => draw(a.metadata!.toolName, v, a.data.handles!.points!))];
    for (const uid of group) siblings.set(uid, group);
  });
  on(Enums.Events.ANNOTATION_MODIFIED, (a) => {
    for (const uid of rest(a)) {
      const copy = annotation.state.getAnnotation(uid);
      if (!copy?.data.handles) continue;
      copy.data.handles.points = a.data.handles!.points!;
      copy.invalidated = true;
    }
    utilities.triggerAnnotationRenderForViewportIds(others(a.metadata!.referencedImageId ?? ""));
  });
  on(Enums.Events.ANNOTATION_REMOVED, (a) => {
    for (const uid of rest(a)) annotation.state.removeAnnotation(uid);
    for (const uid of [a.annotationUID!, ...rest(a)]) siblings.delete(uid);
  });
}
