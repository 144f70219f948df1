// What the modules of this folder say, in English and German. JSON, which tests read; `phrases` are CodeMirror's own
// words.

export const SENTENCES = {
  "en": {
    "boxes": {
      "add": "Add a box",
      "box": "box",
      "described": "Box {number}: {width} × {height} pixels, {x} from the left, {y} from the top",
      "fit": "Fit",
      "frame": "Frame",
      "frame_of": "Frame {frame} of {count}",
      "height": "Height",
      "hint": "Drag to draw a box. Arrow keys move it, with Ctrl they resize it, with Shift ten pixels at once; Delete removes it.",
      "hint_fixed": "The slider leads through the frames.",
      "none": "No boxes.",
      "numbers": "Boxes, in pixels of the image",
      "remove": "Remove box {number}",
      "unseen": "The image could not be loaded.",
      "width": "Width",
      "x": "Left",
      "y": "Top",
      "zoom": "Zoom"
    },
    "chart": {
      "empty": "Nothing to draw yet.",
      "summary": "{label}: {last} at {when}, at most {most} at {peak}.",
      "table": "As a table",
      "time": "Time"
    },
    "dialog": {
      "cancel": "Cancel",
      "needed": "Please fill this in.",
      "yes": "Yes"
    },
    "editor": {
      "after": "New",
      "before": "Old",
      "checking": "Checking …",
      "clean": "No findings",
      "findings": "Errors: {errors}, warnings: {warnings}",
      "hint": "F8: next finding. F1: about this word. Ctrl+Space: what fits here. Esc, then Tab: leave the editor.",
      "label": "Rules",
      "phrases": {},
      "unchecked": "Not checked: {reason}"
    },
    "graph": {
      "count": "{count} objects",
      "edge": "From {from} to {to}",
      "empty": "Nothing to draw yet.",
      "hint": "Arrow keys lead from one to the next, Enter opens it.",
      "kinds": {
        "choose": "decision",
        "outbox": "way out",
        "source": "way in",
        "step": "step"
      },
      "label": "The ways of the images",
      "list": "As a list",
      "states": {
        "done": "done",
        "held": "held",
        "passed": "passed",
        "retrying": "trying again",
        "sending": "sending",
        "skipped": "not taken",
        "trouble": "in trouble",
        "waiting": "waiting"
      }
    },
    "twin": {
      "boxes": "Boxes",
      "changed": "What has changed",
      "difference": "What has changed (D)",
      "fit": "Fit",
      "fit_title": "As large as there is room",
      "frame": "Frame",
      "frame_of": "Frame {frame} of {count}",
      "hint": "Ctrl and the wheel, + and − zoom both; drag to move; 0 fits.",
      "hint_frames": "Left and right arrow: frame by frame. Ctrl and the wheel, + and − zoom both; drag to move; 0 fits.",
      "inside": "{count} pixels differ, all of them inside the boxes.",
      "larger": "Larger",
      "outside": "{count} pixels differ, {outside} of them outside the boxes.",
      "real_title": "One pixel of the image for one of the screen",
      "same": "No pixel differs in this frame.",
      "smaller": "Smaller"
    },
    "upload": {
      "cancel": "Cancel",
      "cancelled": "Cancelled. Sent before that: {done} of {all}.",
      "continue": "Continue",
      "drop": "Drop files, a folder or a ZIP here",
      "drop_one": "Drop the file here",
      "file": "Choose the file",
      "files": "Choose files",
      "finished": "Sent: {done} of {all}.",
      "folder": "Choose a folder",
      "idle": "Nothing chosen yet.",
      "more": "and {count} more",
      "offline": "no connection",
      "progress": "Progress",
      "reading": "Reading … {count} files so far",
      "refused": "Refused: {count}",
      "sending": "{done} of {all} files, {megabytes} of {total} MB. Now: {name}",
      "stopped": "Stopped at {name}: {reason}"
    }
  },
  "de": {
    "boxes": {
      "add": "Kasten hinzufügen",
      "box": "Kasten",
      "described": "Kasten {number}: {width} × {height} Pixel, {x} von links, {y} von oben",
      "fit": "Einpassen",
      "frame": "Bild",
      "frame_of": "Bild {frame} von {count}",
      "height": "Höhe",
      "hint": "Ziehen zeichnet einen Kasten. Pfeiltasten bewegen ihn, mit Strg ändern sie seine Größe, mit Umschalt zehn Pixel auf einmal; Entf entfernt ihn.",
      "hint_fixed": "Der Regler führt durch die Bilder.",
      "none": "Keine Kästen.",
      "numbers": "Kästen, in Pixeln des Bildes",
      "remove": "Kasten {number} entfernen",
      "unseen": "Das Bild konnte nicht geladen werden.",
      "width": "Breite",
      "x": "Links",
      "y": "Oben",
      "zoom": "Vergrößerung"
    },
    "chart": {
      "empty": "Noch nichts zu zeichnen.",
      "summary": "{label}: {last} um {when}, höchstens {most} um {peak}.",
      "table": "Als Tabelle",
      "time": "Zeit"
    },
    "dialog": {
      "cancel": "Abbrechen",
      "needed": "Bitte ausfüllen.",
      "yes": "Ja"
    },
    "editor": {
      "after": "Neu",
      "before": "Alt",
      "checking": "Wird geprüft …",
      "clean": "Keine Befunde",
      "findings": "Fehler: {errors}, Warnungen: {warnings}",
      "hint": "F8: nächster Befund. F1: zu diesem Wort. Strg+Leertaste: was hier passt. Esc, dann Tab: den Editor verlassen.",
      "label": "Regeln",
      "phrases": {
        "$ unchanged lines": "$ unveränderte Zeilen",
        "Completions": "Vorschläge",
        "Control character": "Steuerzeichen",
        "Diagnostics": "Befunde",
        "Find": "Suchen",
        "Go to line": "Gehe zu Zeile",
        "No diagnostics": "Keine Befunde",
        "Replace": "Ersetzen",
        "Selection deleted": "Auswahl gelöscht",
        "all": "alle",
        "by word": "ganze Wörter",
        "close": "schließen",
        "current match": "aktueller Treffer",
        "go": "los",
        "match case": "Groß/klein beachten",
        "next": "nächstes",
        "on line": "in Zeile",
        "previous": "voriges",
        "regexp": "Muster",
        "replace": "ersetzen",
        "replace all": "alle ersetzen",
        "replaced $ matches": "$ Treffer ersetzt",
        "replaced match on line $": "Treffer in Zeile $ ersetzt"
      },
      "unchecked": "Nicht geprüft: {reason}"
    },
    "graph": {
      "count": "{count} Objekte",
      "edge": "Von {from} zu {to}",
      "empty": "Noch nichts zu zeichnen.",
      "hint": "Pfeiltasten führen von einem zum nächsten, Enter öffnet es.",
      "kinds": {
        "choose": "Entscheidung",
        "outbox": "Ausgang",
        "source": "Eingang",
        "step": "Schritt"
      },
      "label": "Die Wege der Bilder",
      "list": "Als Liste",
      "states": {
        "done": "erledigt",
        "held": "angehalten",
        "passed": "durchlaufen",
        "retrying": "neuer Versuch",
        "sending": "wird gesendet",
        "skipped": "nicht genommen",
        "trouble": "gestört",
        "waiting": "wartet"
      }
    },
    "twin": {
      "boxes": "Kästen",
      "changed": "Was sich geändert hat",
      "difference": "Was sich geändert hat (D)",
      "fit": "Einpassen",
      "fit_title": "So groß, wie Platz ist",
      "frame": "Bild",
      "frame_of": "Bild {frame} von {count}",
      "hint": "Strg und Mausrad, + und − vergrößern beide; Ziehen verschiebt; 0 passt ein.",
      "hint_frames": "Pfeil links und rechts: Bild für Bild. Strg und Mausrad, + und − vergrößern beide; Ziehen verschiebt; 0 passt ein.",
      "inside": "{count} Pixel sind anders, alle in den Kästen.",
      "larger": "Größer",
      "outside": "{count} Pixel sind anders, {outside} davon außerhalb der Kästen.",
      "real_title": "Ein Pixel des Bildes für eines des Bildschirms",
      "same": "In diesem Bild ist kein Pixel anders.",
      "smaller": "Kleiner"
    },
    "upload": {
      "cancel": "Abbrechen",
      "cancelled": "Abgebrochen. Davor gesendet: {done} von {all}.",
      "continue": "Fortsetzen",
      "drop": "Dateien, einen Ordner oder ein ZIP hier ablegen",
      "drop_one": "Die Datei hier ablegen",
      "file": "Datei auswählen",
      "files": "Dateien auswählen",
      "finished": "Gesendet: {done} von {all}.",
      "folder": "Ordner auswählen",
      "idle": "Noch nichts ausgewählt.",
      "more": "und {count} weitere",
      "offline": "keine Verbindung",
      "progress": "Fortschritt",
      "reading": "Wird gelesen … bisher {count} Dateien",
      "refused": "Abgelehnt: {count}",
      "sending": "{done} von {all} Dateien, {megabytes} von {total} MB. Jetzt: {name}",
      "stopped": "Angehalten bei {name}: {reason}"
    }
  }
};
