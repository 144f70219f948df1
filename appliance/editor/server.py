"""The language server on standard input and output. The only file that knows pygls and its protocol.

It converts: requests to questions of dsl and of the desk, spans to an editor's positions. What is right about rules is
decided elsewhere.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from appliance.editor import names
from appliance.editor.desk import Desk
from appliance.editor.formatting import formatter
from appliance.editor.positions import Positions
from dsl.ast import Span
from dsl.complete import Offer, complete
from dsl.finding import Finding
from dsl.hover import hover
from dsl.mend import mends
from dsl.symbols import Edit, occurrences

PAUSE = 0.1
"""Seconds without a keystroke after which the rules are checked again."""
_OFFERED = {
    "keyword": lsp.CompletionItemKind.Keyword,
    "step": lsp.CompletionItemKind.Function,
    "steps": lsp.CompletionItemKind.Function,
    "source": lsp.CompletionItemKind.Event,
    "component": lsp.CompletionItemKind.Class,
    "tag": lsp.CompletionItemKind.Field,
    "fact": lsp.CompletionItemKind.Variable,
    "value": lsp.CompletionItemKind.EnumMember,
}
_OUTLINE = {"steps": lsp.SymbolKind.Function, "route": lsp.SymbolKind.Event, "condition": lsp.SymbolKind.Boolean}


class Server:
    """One editor's session."""

    def __init__(self, desk: Desk, manuals: Mapping[str, str], language: str) -> None:
        self.desk = desk
        self.manuals = manuals
        self.language = language
        self.stopped = False
        self._uris: dict[str, str] = {}  # as the editor spells them
        self._published: set[str] = set()
        self._soon: asyncio.TimerHandle | None = None
        # Whole texts, not changes of them: what counts as a line is then ours to say.
        self.ls = LanguageServer("stellwerk", version("stellwerk"), lsp.TextDocumentSyncKind.Full)
        self._register()

    def _register(self) -> None:
        handlers: dict[str, Callable[..., object]] = {
            lsp.TEXT_DOCUMENT_DID_OPEN: self.opened,
            lsp.TEXT_DOCUMENT_DID_CHANGE: self.changed,
            lsp.TEXT_DOCUMENT_DID_SAVE: self.saved,
            lsp.TEXT_DOCUMENT_DID_CLOSE: self.closed,
            lsp.TEXT_DOCUMENT_COMPLETION: self.completion,
            lsp.TEXT_DOCUMENT_HOVER: self.hover,
            lsp.TEXT_DOCUMENT_DEFINITION: self.definition,
            lsp.TEXT_DOCUMENT_REFERENCES: self.references,
            lsp.TEXT_DOCUMENT_PREPARE_RENAME: self.prepare_rename,
            lsp.TEXT_DOCUMENT_RENAME: self.rename,
            lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL: self.outline,
            lsp.TEXT_DOCUMENT_CODE_ACTION: self.actions,
            lsp.SHUTDOWN: self.shutdown,
        }
        if formatter() is not None:
            handlers[lsp.TEXT_DOCUMENT_FORMATTING] = self.formatting
        options = {
            lsp.TEXT_DOCUMENT_COMPLETION: lsp.CompletionOptions(trigger_characters=[" ", ">", "/", ".", ",", "("]),
            lsp.TEXT_DOCUMENT_RENAME: lsp.RenameOptions(prepare_provider=True),
            lsp.TEXT_DOCUMENT_CODE_ACTION: lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix]),
        }
        for name, handler in handlers.items():
            # pygls puts a mark on what it is given, which a method does not take.
            self.ls.feature(name, options.get(name))(partial(handler))

    # --- texts

    def opened(self, params: lsp.DidOpenTextDocumentParams) -> None:
        """A file is on the desk."""
        self._put(params.text_document.uri)
        self.publish()

    def changed(self, params: lsp.DidChangeTextDocumentParams) -> None:
        """Something was typed: it is checked when the hand rests."""
        self._put(params.text_document.uri)
        if self._soon is not None:
            self._soon.cancel()
        self._soon = asyncio.get_running_loop().call_later(PAUSE, self.publish)

    def saved(self, params: lsp.DidSaveTextDocumentParams) -> None:
        """Files beside it may have changed as well."""
        self.publish()

    def closed(self, params: lsp.DidCloseTextDocumentParams) -> None:
        """What stands on disk counts again."""
        self.desk.open.pop(self._name(params.text_document.uri), None)
        self.publish()

    def shutdown(self, _: None) -> None:
        """The editor takes its leave."""
        self.stopped = True

    def _put(self, uri: str) -> None:
        name = self._name(uri)
        self._uris[name] = uri
        self.desk.open[name] = self.ls.workspace.get_text_document(uri).source

    def _name(self, uri: str) -> str:
        """The path of a file; what has none yet goes by its address."""
        path = to_fs_path(uri) if uri.startswith("file:") else None
        return str(Path(path)) if path else uri

    def _uri(self, name: str) -> str:
        return self._uris.get(name) or from_fs_path(name) or name

    # --- places

    def _positions(self, name: str) -> Positions:
        try:
            text = self.desk.read(name)
        except (OSError, ValueError):
            text = ""
        encoding = self.ls.workspace.position_encoding or lsp.PositionEncodingKind.Utf16
        return Positions(text, str(getattr(encoding, "value", encoding)))

    def _range(self, span: Span) -> lsp.Range:
        positions = self._positions(span.file)
        start, end = (span.line, span.column), (span.end_line, span.end_column)
        return lsp.Range(lsp.Position(*positions.to_editor(*start)), lsp.Position(*positions.to_editor(*end)))

    def _at(self, document: lsp.TextDocumentIdentifier, at: lsp.Position) -> tuple[str, str, int]:
        """The file, its plain text and the offset that an editor asks about."""
        name = self._name(document.uri)
        positions = self._positions(name)
        return name, positions.text, positions.offset(at.line, at.character)

    # --- what is wrong

    def publish(self) -> None:
        """Tell what is wrong in every file that belongs to an open one, and that the others are fine again."""
        self._soon = None
        found = self.desk.findings()
        for name in sorted({*found, *self._published}):
            diagnostics = [self._diagnostic(finding) for finding in found.get(name, ())]
            self.ls.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(self._uri(name), diagnostics))
        self._published = set(found)

    def _diagnostic(self, finding: Finding) -> lsp.Diagnostic:
        said = finding.texts(self.language)
        told = [(self._location(also.span), also.label(self.language)) for also in finding.also]
        return lsp.Diagnostic(
            range=self._range(finding.span),
            message="\n".join(filter(None, (said.title, said.label, said.help))),
            severity=lsp.DiagnosticSeverity.Error if finding.is_error else lsp.DiagnosticSeverity.Warning,
            code=finding.code,
            source="stellwerk",
            related_information=[lsp.DiagnosticRelatedInformation(*one) for one in told] or None,
        )

    def _location(self, span: Span) -> lsp.Location:
        return lsp.Location(self._uri(span.file), self._range(span))

    def actions(self, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        """The mends of the findings at a place."""
        name = self._name(params.text_document.uri)
        text = self._positions(name).text
        answer = []
        for finding in self.desk.findings().get(name, ()):
            at = self._range(finding.span)
            if at.end < params.range.start or params.range.end < at.start:
                continue
            answer += [
                lsp.CodeAction(
                    title=mend.title,
                    kind=lsp.CodeActionKind.QuickFix,
                    diagnostics=[self._diagnostic(finding)],
                    edit=self._edit([mend.edit]),
                    is_preferred=mend.sure,
                )
                for mend in mends(finding, text, self.language)
            ]
        return answer

    def _edit(self, edits: Sequence[Edit]) -> lsp.WorkspaceEdit:
        changes: dict[str, list[lsp.TextEdit]] = {}
        for edit in edits:
            changes.setdefault(self._uri(edit.span.file), []).append(lsp.TextEdit(self._range(edit.span), edit.text))
        return lsp.WorkspaceEdit(changes=changes)

    # --- what stands somewhere, or could

    def completion(self, params: lsp.CompletionParams) -> lsp.CompletionList:
        """What may be typed."""
        name, text, offset = self._at(params.text_document, params.position)
        rules = self.desk.resolved(self.desk.books(name)[0])
        offers = complete(text, offset, rules=rules, vocabulary=self.desk.vocabulary, name=name)
        at, words = self._range(offers.span), offers.words
        if params.context and params.context.trigger_character == " " and any(one.text == "→" for one in words):
            words = ()  # nobody asked, and the line may end here: Enter must not take the first word that is offered
        return lsp.CompletionList(not offers.all, [self._item(offer, at) for offer in words])

    def _item(self, offer: Offer, at: lsp.Range) -> lsp.CompletionItem:
        arrow = offer.text == "→"
        return lsp.CompletionItem(
            label=offer.text,
            kind=_OFFERED.get(offer.kind, lsp.CompletionItemKind.Reference),
            detail=offer.detail or None,
            sort_text=f"{offer.rank}{offer.text.casefold()}",
            filter_text="->" if arrow else None,
            text_edit=lsp.TextEdit(at, offer.text),
        )

    def hover(self, params: lsp.HoverParams) -> lsp.Hover | None:
        """What a word means."""
        name, text, offset = self._at(params.text_document, params.position)
        found = names.find(self.desk, name, offset)
        answer = hover(
            text,
            offset,
            rules=found.rules if found is not None else self.desk.resolved(self.desk.books(name)[0]),
            vocabulary=self.desk.vocabulary,
            symbol=found.symbol if found is not None else None,
            manuals=self.manuals,
            name=name,
            language=self.language,
        )
        if answer is None:
            return None
        said = lsp.MarkupContent(lsp.MarkupKind.Markdown, "\n\n".join(answer.lines))
        return lsp.Hover(said, self._range(answer.span))

    def definition(self, params: lsp.DefinitionParams) -> list[lsp.Location]:
        """Where a name is declared, or the file that is included."""
        name, _, offset = self._at(params.text_document, params.position)
        return [self._location(span) for span in names.definitions(self.desk, name, offset)]

    def references(self, params: lsp.ReferenceParams) -> list[lsp.Location]:
        """Where a name stands."""
        name, _, offset = self._at(params.text_document, params.position)
        declares = params.context.include_declaration
        found = names.everywhere(self.desk, name, offset)
        return [self._location(one.span) for one in found if declares or not one.declares]

    def prepare_rename(self, params: lsp.PrepareRenameParams) -> lsp.PrepareRenamePlaceholder | None:
        """The name that would be renamed; nothing where there is none."""
        name, _, offset = self._at(params.text_document, params.position)
        found = names.find(self.desk, name, offset)
        if found is None:
            return None
        return lsp.PrepareRenamePlaceholder(self._range(found.symbol.span), found.symbol.name)

    def rename(self, params: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
        """The edits that give a name another one, in all files; refused in words where it cannot be."""
        name, _, offset = self._at(params.text_document, params.position)
        edits, no = names.renamed(self.desk, name, offset, params.new_name.strip(' "'))
        if no is not None:
            said = no.texts(self.language)
            raise JsonRpcInvalidParams(f"{said.title}: {said.help}")
        return self._edit(edits) if edits else None

    def outline(self, params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        """What a file declares."""
        name = self._name(params.text_document.uri)
        rules = self.desk.resolved(self.desk.books(name)[0])
        kinds, other = _OUTLINE, lsp.SymbolKind.Constant
        return [
            lsp.DocumentSymbol(one.name or "?", kinds.get(one.kind, other), at := self._range(one.span), at, one.kind)
            for one in occurrences(rules, self.desk.vocabulary)
            if one.declares and one.span.file == name
        ]

    def formatting(self, params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit]:
        """The whole text in its one layout; registered only where there is a formatter."""
        name = self._name(params.text_document.uri)
        text, lay_out = self._positions(name).text, formatter()
        formatted = text if lay_out is None else lay_out(text, name)
        whole = lsp.Range(lsp.Position(0, 0), lsp.Position(text.count("\n") + 1, 0))
        return [] if formatted == text else [lsp.TextEdit(whole, formatted)]


def serve(desk: Desk, manuals: Mapping[str, str], language: str) -> int:
    """Speak with an editor until it says goodbye: 0; or until it is gone without: 1."""
    logging.getLogger("pygls").setLevel(logging.WARNING)
    server = Server(desk, manuals, language)
    server.ls.start_io()
    return int(not server.stopped)
