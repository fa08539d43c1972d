// A wire to a server that can be cut.
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { once } from "node:events";

export class Wire {
  private readonly sockets = new Set<Socket>();
  private whole = true;

  private constructor(private readonly server: Server, readonly url: string) {}

  static async to(url: string): Promise<Wire> {
    const { hostname, port } = new URL(url);
    const server = createServer((near) => {
      if (!wire.whole) return void near.destroy();
      const far = connect(Number(port), hostname);
      for (const [a, b] of [[near, far], [far, near]] as const) {
        wire.sockets.add(a);
        a.pipe(b);
        a.on("error", () => b.destroy()).on("close", () => (wire.sockets.delete(a), b.destroy()));
      }
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const wire = new Wire(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return wire;
  }

  // cut breaks all connections and lets none through until mend.
  cut(): void {
    this.whole = false;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    this.whole = true;
  }

  close(): void {
    this.cut();
    this.server.close();
  }
}
