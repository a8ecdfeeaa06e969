/** Where the parts of a configuration stand that came from a file, from `--config-yaml`, or from both. */
import type { SourceLocator } from './context.ts';
import type { DocumentWalk, SourceDocument } from './load-document.ts';
import type { PathSegment } from './path.ts';

/** Stands for the file name in problems of the text given by the flag. */
export const OVERLAY_NAME = '--config-yaml';

/** The sources of a configuration, as one: the overlay's list items come after the file's. */
export class Sources implements SourceLocator {
  readonly file: SourceDocument | null;
  readonly overlay: SourceDocument | null;
  readonly name: string;

  constructor(name: string, file: SourceDocument | null, overlay: SourceDocument | null) {
    this.name = name;
    this.file = file;
    this.overlay = overlay;
  }

  locate(path: readonly PathSegment[]): { file: string; line: number; column: number } {
    if (this.overlay === null || this.file === null) {
      const only = this.file ?? this.overlay;
      return only === null ? { file: this.name, line: 0, column: 0 } : { file: only.file, ...only.position(path) };
    }
    return this.#locateInBoth(this.file, this.overlay, path);
  }

  #locateInBoth(
    file: SourceDocument,
    overlay: SourceDocument,
    path: readonly PathSegment[],
  ): { file: string; line: number; column: number } {
    let inFile: DocumentWalk | null = file.walk();
    let inOverlay: DocumentWalk | null = overlay.walk();
    let lastFile = inFile;
    let lastOverlay: DocumentWalk | null = null;
    for (const segment of path) {
      let overlaySegment = segment;
      if (typeof segment === 'number' && inFile !== null) {
        const before = inFile.listLength();
        if (segment < before) inOverlay = null;
        else {
          inFile = null;
          overlaySegment = segment - before;
        }
      }
      if (inFile !== null && !inFile.step(segment)) inFile = null;
      if (inOverlay !== null && !inOverlay.step(overlaySegment)) inOverlay = null;
      lastFile = inFile ?? lastFile;
      lastOverlay = inOverlay ?? lastOverlay;
    }
    if (inOverlay !== null && path.length > 0) return { file: OVERLAY_NAME, ...inOverlay.position() };
    if (inFile !== null || lastOverlay === null) return { file: file.file, ...lastFile.position() };
    return { file: OVERLAY_NAME, ...lastOverlay.position() };
  }

  release(): void {
    this.file?.release();
    this.overlay?.release();
  }
}
