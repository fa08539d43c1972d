// Windows: what is drawn black and white, in the units of the input, so that one window fits series of different scales.
import type { Window } from "./dicom";

// Preset windows, as fractions of the default one: magnitudes have no unit.
export const presets: { name: string; low: number; high: number }[] = [
  { name: "Default", low: 0, high: 1 },
  { name: "Bright", low: 0, high: 0.5 },
  { name: "Dark", low: 0, high: 2 },
  { name: "High contrast", low: 0.2, high: 0.7 },
  { name: "Noise", low: 0, high: 0.1 },
];

export function preset(index: number, { low, high }: Window): Window {
  const p = presets[index] ?? { low: 0, high: 1 };
  return { low: low + p.low * (high - low), high: low + p.high * (high - low) };
}

// scaled turns a window in units of the input into the stored values of a series, of which one step is slope. A gain above 1 shows
// small values, as of errors, that much brighter.
export const scaled = ({ low, high }: Window, slope: number, gain: number): Window => ({ low: low / slope / gain, high: high / slope / gain });

// centre and width, as DICOM and readers say it.
export const spoken = ({ low, high }: Window) => `C ${Math.round((low + high + 1) / 2)} W ${Math.round(high - low + 1)}`;
