// Measurements and the tools of the mouse and the finger: cornerstone's.
import {
  AngleTool, EllipticalROITool, Enums, init, addTool, LengthTool, PanTool, ProbeTool, RectangleROITool, StackScrollTool, ToolGroupManager, WindowLevelTool, ZoomTool,
  annotation,
} from "@cornerstonejs/tools";

const group = "reading";
const drag = [WindowLevelTool, PanTool, ZoomTool, StackScrollTool, LengthTool, AngleTool, EllipticalROITool, RectangleROITool, ProbeTool];

export const tools = [
  { id: WindowLevelTool.toolName, title: "Window", keys: ["w"] },
  { id: PanTool.toolName, title: "Pan", keys: ["p"] },
  { id: ZoomTool.toolName, title: "Zoom", keys: ["z"] },
  { id: StackScrollTool.toolName, title: "Scroll", keys: ["s"] },
  { id: LengthTool.toolName, title: "Length", keys: ["m"] },
  { id: AngleTool.toolName, title: "Angle", keys: ["g"] },
  { id: EllipticalROITool.toolName, title: "Ellipse", keys: ["o"] },
  { id: RectangleROITool.toolName, title: "Rectangle", keys: ["k"] },
  { id: ProbeTool.toolName, title: "Probe", keys: ["j"] },
];

const { Primary, Auxiliary, Secondary } = Enums.MouseBindings;
let chosen = tools[0]!.id;

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
}

// takeBack removes the selected measurements, or else the newest.
export function takeBack(): void {
  const selected = annotation.selection.getAnnotationsSelected();
  const newest = annotation.state.getAllAnnotations().at(-1)?.annotationUID;
  for (const uid of selected.length ? selected : newest ? [newest] : []) annotation.state.removeAnnotation(uid);
}

export const measured = () => annotation.state.getAllAnnotations().length;
