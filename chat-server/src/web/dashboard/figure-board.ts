import type { ServerFigures } from "./figures.ts";

/** Milliseconds after which a server that says nothing is no longer shown. */
export const STALE_MS = 10_000;

/** Where servers put their figures, for whichever of them shows the dashboard. */
export interface FigureBoard {
  /** Puts a server's newest figures in the place of its last ones. @throws CodedError `unavailable` */
  put(figures: ServerFigures): Promise<void>;
  /** The figures of all servers that have put theirs within {@link STALE_MS}. @throws CodedError `unavailable` */
  read(): Promise<ServerFigures[]>;
}

/** The board of one process alone. */
export class EmbeddedFigureBoard implements FigureBoard {
  #figures: ServerFigures | undefined;

  async put(figures: ServerFigures): Promise<void> {
    this.#figures = figures;
  }

  async read(): Promise<ServerFigures[]> {
    return this.#figures && this.#figures.at > Date.now() - STALE_MS ? [this.#figures] : [];
  }
}
