// Where the reader points at, by mouse or by key: marked in every pane, with the values there.
import { parallel, pixel, world, type Vector } from "./geometry";
import { setPoint } from "./measure";
import type { Room } from "./room";

export class Pointer {
  at: Vector | undefined; // millimetres
  private frame = 0;

  constructor(private readonly room: Room) {}

  // point shows a place in all panes that are parallel to the active one; undefined shows none.
  point(at: Vector | undefined): void {
    this.at = at;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      const { active, panes, layers } = this.room;
      for (const pane of panes) {
        pane.point(active.slice && pane.slice && parallel(active.slice, pane.slice) ? at : undefined);
        layers.draw(pane);
      }
    });
  }

  // move points some pixels further, from the middle of the image to begin with.
  move(columns: number, rows: number): void {
    const s = this.room.active.slice;
    if (!s) return;
    const from = (this.at && pixel(this.at, s)) ?? { column: s.columns >> 1, row: s.rows >> 1 };
    const within = (v: number, below: number) => Math.min(below - 1, Math.max(0, v));
    this.point(world(within(from.column + columns, s.columns), within(from.row + rows, s.rows), s));
  }

  // mark sets a point of a measurement.
  mark(): void {
    const { active } = this.room;
    const s = active.slice;
    if (!s || !this.at) return;
    const [row, column] = [s.orientation.slice(0, 3) as Vector, s.orientation.slice(3) as Vector];
    this.room.tell(setPoint(active.viewport.id, this.at, { row, column }));
  }
}
