// Slices for cornerstone: fetched from the job's files, or computed from two of them, and kept in its cache.
import { cache, imageLoader, metaData, utilities, type Types } from "@cornerstonejs/core";
import { artifact, request } from "../api";
import { difference, readSlice, type Header, type Slice } from "./dicom";
import { nearest, type Series } from "./series";
import { fetchInstance } from "./study";

const cacheBytes = 192 << 20; // six series of 150 slices of 320 × 320; older slices are fetched again when they are needed
const scheme = "closer";

const slices = new WeakMap<Types.IImage, Slice>();
const headers = new Map<string, Header>(); // by image, some 1 KiB each

// imageId names the slice of a series that is nearest to a position; computed series name all that they need.
export const imageId = (job: string, series: Series, position: number) =>
  `${scheme}:${job}/${series.kind}/${series.of.join(",")}/${series.numbers[nearest(series.numbers, position)]}`;

// slice returns a slice of a series, from the cache if it is there.
export async function slice(job: string, series: Series, position: number): Promise<Slice> {
  const image = await imageLoader.loadAndCacheImage(imageId(job, series, position));
  const found = slices.get(image);
  if (!found) throw new Error("The image is not one of this page.");
  return found;
}

async function fetchSlice(job: string, series: string, number: string): Promise<Slice> {
  const response = await request(artifact(job, `dicom/${series}/${number.padStart(4, "0")}.dcm`));
  return readSlice(await response.arrayBuffer());
}

// load brings the slice that an image's name asks for. What a computed slice is made of is fetched through the cache.
async function load(id: string): Promise<Slice> {
  const [job = "", kind, of = "", number = ""] = id.slice(scheme.length + 1).split("/");
  const names = of.split(",");
  // Its number is the one in the series here, also where instances have none of their own.
  if (kind === "study") return { ...readSlice(await fetchInstance(of, number)), number: Number(number) };
  if (names.length === 1) return fetchSlice(job, of, number);
  const parts = await Promise.all(names.map((name) => imageLoader.loadAndCacheImage(`${scheme}:${job}/${name === "reference" ? name : "method"}/${name}/${number}`)));
  const [a, b] = parts.map((part) => slices.get(part));
  if (!a || !b) throw new Error(`There is nothing to compute the ${kind} from.`);
  return difference(a, b);
}

function image(id: string, s: Slice): Types.IImage {
  const made = {
    imageId: id, rows: s.rows, columns: s.columns, height: s.rows, width: s.columns, color: false, rgba: false, numberOfComponents: 1,
    rowPixelSpacing: s.spacing[0], columnPixelSpacing: s.spacing[1], minPixelValue: 0, maxPixelValue: Math.max(1, s.brightest), slope: 1, intercept: 0,
    windowCenter: (s.window.low + s.window.high + 1) / 2, windowWidth: s.window.high - s.window.low + 1, voiLUTFunction: "LINEAR",
    invert: false, photometricInterpretation: "MONOCHROME2", sizeInBytes: s.pixels.byteLength, dataType: "Uint16Array",
    FrameOfReferenceUID: s.frame, getPixelData: () => s.pixels,
    voxelManager: utilities.VoxelManager.createImageVoxelManager({ width: s.columns, height: s.rows, numberOfComponents: 1, scalarData: s.pixels, id }),
  } as unknown as Types.IImage;
  slices.set(made, s);
  const { pixels: _, ...header } = s;
  headers.set(id, header);
  return made;
}

function metadata(type: string, id: string): unknown {
  const h = headers.get(id);
  if (!h) return type === "generalSeriesModule" && id.startsWith(scheme) ? { modality: "MR" } : undefined;
  switch (type) {
    case "generalSeriesModule":
      return { modality: "MR" };
    case "imagePixelModule":
      return { samplesPerPixel: 1, photometricInterpretation: "MONOCHROME2", rows: h.rows, columns: h.columns, bitsAllocated: 16, bitsStored: 16, highBit: 15, pixelRepresentation: 0 };
    case "imagePlaneModule":
      return {
        frameOfReferenceUID: h.frame, rows: h.rows, columns: h.columns, imagePositionPatient: h.position, imageOrientationPatient: h.orientation,
        rowCosines: h.orientation.slice(0, 3), columnCosines: h.orientation.slice(3), pixelSpacing: h.spacing, rowPixelSpacing: h.spacing[0], columnPixelSpacing: h.spacing[1],
      };
    case "voiLutModule":
      return { windowCenter: [(h.window.low + h.window.high + 1) / 2], windowWidth: [h.window.high - h.window.low + 1] };
  }
  return undefined;
}

export function registerImages(): void {
  cache.setMaxCacheSize(cacheBytes);
  metaData.addProvider((type: string, ...query: string[]) => metadata(type, query[0] ?? ""), 1000);
  imageLoader.registerImageLoader(scheme, (id) => ({ promise: load(id).then((s) => image(id, s)) }));
}
