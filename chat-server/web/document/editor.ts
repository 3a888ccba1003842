import { standardKeymap } from "@codemirror/commands";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { yCollab, yUndoManagerKeymap } from "y-codemirror.next";
import { UndoManager, type Text as YText } from "yjs";

/** UTF-16 units of a document, after which nothing more can be written into it. */
export const MAX_DOCUMENT_LENGTH = 1_000_000;

const THEME = EditorView.theme({
  "&": { height: "100%", color: "var(--text)", fontSize: "1rem" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--font)", lineHeight: "1.6", overflow: "auto" },
  ".cm-content": {
    maxWidth: "48rem",
    margin: "0 auto",
    padding: "1.5rem 1.25rem 40vh",
    caretColor: "var(--text)",
  },
  ".cm-placeholder": { color: "var(--muted)" },
});

/**
 * The text on the screen. It stands in a shadow tree, where CodeMirror puts its styles into constructed style sheets: in the page itself it would
 * make `style` elements, which the Content Security Policy refuses.
 */
export class Editor {
  readonly #root: ShadowRoot;
  readonly #writing = new Compartment();
  readonly #onTooLong: () => void;
  #view: EditorView | undefined;
  #undo: UndoManager | undefined;
  #writable = false;

  /** @param onTooLong called when something was not put in, since the document would be too long. */
  constructor(host: HTMLElement, onTooLong: () => void) {
    this.#root = host.attachShadow({ mode: "open" });
    this.#onTooLong = onTooLong;
  }

  /** Shows a text, for reading until `writable` says otherwise. */
  open(text: YText): void {
    this.close();
    const undo = new UndoManager(text);
    this.#undo = undo;
    this.#writable = false;
    const state = EditorState.create({
      doc: text.toString(),
      extensions: [
        // A lone carriage return of some other client must count as one unit here, too.
        EditorState.lineSeparator.of("\n"),
        EditorView.clipboardInputFilter.of((pasted) => pasted.replace(/\r\n?/g, "\n")),
        // Taken back by itself, and not together with what was typed just before.
        EditorView.domEventHandlers({ paste: () => void undo.stopCapturing() }),
        EditorState.changeFilter.of((change) => this.#fits(change.isUserEvent("input"), change.newDoc.length)),
        EditorView.lineWrapping,
        THEME,
        // Nothing tells others of this cursor: a live conversation keeps all that is published to it.
        yCollab(text, null, { undoManager: undo }),
        this.#writing.of(this.#mode()),
      ],
    });
    this.#view = new EditorView({ state, root: this.#root, parent: this.#root });
  }

  set writable(writable: boolean) {
    if (writable === this.#writable) return;
    this.#writable = writable;
    this.#view?.dispatch({ effects: this.#writing.reconfigure(this.#mode()) });
  }

  focus(): void {
    this.#view?.focus();
  }

  close(): void {
    this.#view?.destroy();
    this.#undo?.destroy();
    this.#view = undefined;
    this.#undo = undefined;
  }

  #mode() {
    const attributes = { "aria-label": "Text of the document", tabindex: "0" };
    if (!this.#writable)
      return [
        EditorState.readOnly.of(true),
        EditorView.editable.of(false),
        EditorView.contentAttributes.of({ ...attributes, "aria-readonly": "true" }),
      ];
    return [
      EditorView.contentAttributes.of({ ...attributes, spellcheck: "true", autocapitalize: "sentences" }),
      placeholder("Write here. Everybody who has this document open sees it at once."),
      keymap.of([...yUndoManagerKeymap, ...standardKeymap]),
    ];
  }

  #fits(isInput: boolean, length: number): boolean {
    if (!isInput || length <= MAX_DOCUMENT_LENGTH) return true;
    this.#onTooLong();
    return false;
  }
}
