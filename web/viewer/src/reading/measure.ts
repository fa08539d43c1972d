// Measurements and the tools of the mouse and the finger: cornerstone's.
import {
  addTool, AngleTool, annotation, EllipticalROITool, Enums, init, LengthTool, PanTool, RectangleROITool, StackScrollTool, ToolGroupManager, utilities as drawing, WindowLevelTool, ZoomTool,
} from "@cornerstonejs/tools";
import { eventTarget, triggerEvent, utilities } from "@cornerstonejs/core";
import type { Vector } from "./geometry";

const group = "reading";
const drag = [WindowLevelTool, PanTool, ZoomTool, StackScrollTool, LengthTool, AngleTool, EllipticalROITool, RectangleROITool];

export const tools = [
  { id: WindowLevelTool.toolName, title: "Window", keys: ["w"] },
  { id: PanTool.toolName, title: "Pan", keys: ["p"] },
  { id: ZoomTool.toolName, title: "Zoom", keys: ["z"] },
  { id: StackScrollTool.toolName, title: "Scroll", keys: ["s"] },
  { id: LengthTool.toolName, title: "Length", keys: ["m"] },
  { id: AngleTool.toolName, title: "Angle", keys: ["g"] },
  { id: EllipticalROITool.toolName, title: "Ellipse", keys: ["o"] },
  { id: RectangleROITool.toolName, title: "Rectangle", keys: ["k"] },
];

type Made = { hydrate(viewport: string, points: number[][], options: { annotationUID: string }): void };
const made = Object.fromEntries([LengthTool, AngleTool, EllipticalROITool, RectangleROITool].map((t) => [t.toolName, t as unknown as Made]));

// A measurement by its points: how many a reader sets, and what cornerstone makes of them.
interface Measure {
  tool: string;
  points: number;
  handles(points: Vector[]): Vector[];
}

// A region's corners lie across from each other in the plane of the image; its other points follow from the directions of a row and
// of a column.
const measures = ({ row, column }: { row: Vector; column: Vector }): Measure[] => {
  const along = (v: Vector, axis: Vector) => v.reduce((sum, x, i) => sum + x * axis[i]!, 0);
  const at = (from: Vector, to: Vector, u: number, v: number): Vector => {
    const d = to.map((x, i) => x - from[i]!) as Vector;
    return from.map((x, i) => x + u * along(d, row) * row[i]! + v * along(d, column) * column[i]!) as Vector;
  };
  const places = (pairs: [number, number][]) => ([a, b]: Vector[]) => pairs.map(([u, v]) => at(a!, b!, u, v));
  return [
    { tool: LengthTool.toolName, points: 2, handles: (p) => p },
    { tool: AngleTool.toolName, points: 3, handles: (p) => p },
    { tool: EllipticalROITool.toolName, points: 2, handles: places([[0.5, 1], [0.5, 0], [0, 0.5], [1, 0.5]]) },
    { tool: RectangleROITool.toolName, points: 2, handles: places([[0, 0], [1, 0], [0, 1], [1, 1]]) },
  ];
};

const { Primary, Auxiliary, Secondary } = Enums.MouseBindings;
let chosen = tools[0]!.id;
let pending: Vector[] = []; // points set by key that make no measurement yet

export function initTools(): void {
  init();
  const made = ToolGroupManager.createToolGroup(group)!;
  for (const tool of drag) {
    addTool(tool);
    made.addTool(tool.toolName);
  }
  choose(chosen);
}

export const joinTools = (viewport: string, engine: string) => ToolGroupManager.getToolGroup(group)?.addViewport(viewport, engine);
export const chosenTool = () => chosen;

// choose gives the first button and a single finger to a tool; the middle button pans and the right one zooms, as two fingers do.
export function choose(id: string): void {
  const made = ToolGroupManager.getToolGroup(group);
  if (!made) return;
  for (const tool of drag) made.setToolPassive(tool.toolName, { removeAllBindings: true });
  const bindings = new Map<string, object[]>([[PanTool.toolName, [{ mouseButton: Auxiliary }]], [ZoomTool.toolName, [{ mouseButton: Secondary }, { numTouchPoints: 2 }]]]);
  bindings.set(id, [...(bindings.get(id) ?? []), { mouseButton: Primary }]);
  for (const [name, list] of bindings) made.setToolActive(name, { bindings: list });
  chosen = id;
  pending = [];
}

// setPoint sets a point of the chosen measurement by key, and draws the measurement in a viewport when it was the last one. It
// returns what is to be said.
export function setPoint(viewport: string, point: Vector, plane: { row: Vector; column: Vector }): string {
  const measure = measures(plane).find((m) => m.tool === chosen);
  if (!measure) return "Choose length, angle, ellipse or rectangle first.";
  pending.push(point);
  if (pending.length < measure.points) return `Point ${pending.length} of ${measure.points} is set.`;
  const uid = draw(chosen, viewport, measure.handles(pending));
  pending = [];
  triggerEvent(eventTarget, Enums.Events.ANNOTATION_COMPLETED, { annotation: annotation.state.getAnnotation(uid) }); // as the mouse does
  return "Measured.";
}

// draw makes a measurement of its points, in millimetres, in the image that a viewport shows, and returns its name.
export function draw(tool: string, viewport: string, points: number[][]): string {
  const annotationUID = utilities.uuidv4();
  made[tool]!.hydrate(viewport, points, { annotationUID });
  return annotationUID;
}

// takeBack removes the selected measurements, or else the newest, from the viewports.
export function takeBack(viewports: string[]): void {
  const selected = annotation.selection.getAnnotationsSelected().filter((uid) => annotation.state.getAnnotation(uid));
  const newest = annotation.state.getAllAnnotations().at(-1)?.annotationUID;
  for (const uid of selected.length ? selected : newest ? [newest] : []) annotation.state.removeAnnotation(uid);
  drawing.triggerAnnotationRenderForViewportIds(viewports);
}
