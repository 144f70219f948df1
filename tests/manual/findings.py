"""Why each finding is told, a rule that has it, and the same rule without it. The tests compile both."""

from typing import NamedTuple


class Page(NamedTuple):
    """why: prose for the admin; avoid: a rule with this finding; prefer: the rule without any.

    before: the rules that have run so far, where the finding is about the change; owed: what waits for whom then.
    own: the folders that the appliance writes to, where it is about them. lacks: a word whose libraries are not there.
    planned: a step that is taken to be planned.
    """

    why: str
    avoid: str
    prefer: str
    before: str = ""
    owed: tuple[tuple[str, int], ...] = ()
    own: tuple[str, ...] = ()
    lacks: str = ""
    planned: str = ""


PACS = 'destination PACS = dicom "PACS@192.168.10.5:104"\n'
UNI = 'destination UNI = dicom "UNI@archive.example:11112" outside\n'
TRUSTED = 'destination UNI = dicom "UNI@archive.example:11112" outside trusted\n'

PAGES: dict[str, Page] = {
    "E001": Page(
        "A statement was understood up to this word, and no word like it can follow. The help lists what can. One such "
        "place hides nothing: the statements after it are read and checked as well.",
        "on port 11112 wher Modality = US → store by PatientID\n",
        "on port 11112 where Modality = US → store by PatientID\n",
    ),
    "E002": Page(
        "A text begins and ends with a quotation mark, and stands in one line.",
        'on port 11112 → hold "no patient\n',
        'on port 11112 → hold "no patient"\n',
    ),
    "E003": Page(
        "Word processors like to turn quotation marks into typographic ones, and names from DICOM hold a `^`. "
        "Outside a "
        "text in plain quotation marks such signs have no meaning.",
        "on port 11112 where PatientName = Doe^Jane → hold\n",
        'on port 11112 where PatientName = "Doe^Jane" → hold\n',
    ),
    "E004": Page(
        "What nobody can read aloud, nobody can check. Give a part of it a name.",
        f"on port 11112 where {'not (' * 150}Modality = US{')' * 150} → hold\n",
        "condition ultrasound = Modality = US\non port 11112 where not ultrasound → hold\n",
    ),
    "E005": Page(
        "The file, or the statement, ends where something must follow: a step after an arrow, `end` after the "
        "cases of a "
        "`choose`.",
        "on port 11112 → store by PatientID →\n",
        "on port 11112 → store by PatientID\n",
    ),
    "E101": Page(
        "Tags are named as the DICOM dictionary (PS3.6) names them. A misspelt tag would be missing in every "
        "object, and "
        "the rule would silently never apply.",
        "on port 11112 where Modalty = US → hold\n",
        "on port 11112 where Modality = US → hold\n",
    ),
    "E102": Page(
        "Every tag holds values of one kind (its VR, PS3.5 section 6.2): a date, an age, a number. A comparison with "
        "another kind could never be true, and a tag that was set to one would be broken.",
        "on port 11112 where PatientAge < 18 → hold\n",
        "on port 11112 where PatientAge < 18 years → hold\n",
    ),
    "E103": Page(
        "A step that is not known cannot be left out: the step might have been the one that takes names away.",
        "on port 11112 → anonymise-pixels → store by PatientID\n",
        "on port 11112 → anonymize-pixels → store by PatientID\n",
    ),
    "E104": Page(
        "Destinations, contacts, listeners, regions and conditions are declared once, anywhere in the rule files, and "
        "used by name.",
        "on port 11112 → forward PACS\n",
        PACS + "on port 11112 → forward PACS\n",
    ),
    "E105": Page(
        "Each step takes its own words, in any order; the help shows all of them, with optional ones in brackets.",
        "on port 11112 → store PatientID\n",
        "on port 11112 → store by PatientID\n",
    ),
    "E106": Page(
        "Steps are separated by arrows, `→` or `->`. Without one, the second step would be read as a word of the "
        "first.",
        PACS + "on port 11112 → store by PatientID forward PACS\n",
        PACS + "on port 11112 → store by PatientID → forward PACS\n",
    ),
    "E107": Page(
        "The word is known, but its value is of another kind than what stands here: an address, a port, a folder, "
        "what is done with duplicates.",
        'destination PACS = dicom "192.168.10.5"\non port 11112 → forward PACS\n',
        PACS + "on port 11112 → forward PACS\n",
    ),
    "E108": Page(
        "The rule language knows this word, and this version cannot do it yet. The rule is refused, because "
        "without the "
        "word it would do something else than it says.",
        PACS + "on port 11112 → print → forward PACS\n",
        PACS + "on port 11112 → forward PACS\n",
        planned="print",
    ),
    "E109": Page(
        "A name stands for one thing. Of two declarations, one would have been forgotten.",
        PACS + 'destination PACS = dicom "PACS@192.168.10.6:104"\non port 11112 → forward PACS\n',
        PACS + 'destination PACS_B = dicom "PACS@192.168.10.6:104"\non port 11112 → forward PACS, PACS_B\n',
    ),
    "E110": Page(
        "Something is explained by itself: a condition, a piece of chain, a file that includes itself.",
        "condition a = not b\ncondition b = not a\non port 11112 where a → hold\n",
        "condition b = Modality = US\ncondition a = not b\non port 11112 where a → hold\n",
    ),
    "E111": Page(
        "A file that is included must be there, readable, and saved as UTF-8. Its path counts from the file that "
        "includes it. Rules with a missing part do not run at all.",
        'include "sites.rules"\non port 11112 → hold\n',
        "on port 11112 → hold\n",
    ),
    "E112": Page(
        "A name of your own must not be a tag, a step or a word of the language: a reader could not tell which is "
        "meant.",
        "condition Modality = SeriesNumber = 1\non port 11112 where Modality → hold\n",
        "condition first-series = SeriesNumber = 1\non port 11112 where first-series → hold\n",
    ),
    "E113": Page(
        "A path like `A.B` goes into a sequence (VR SQ). Other tags hold a value, and nothing inside.",
        "on port 11112 where PatientName.CodeValue = T1 → hold\n",
        "on port 11112 where ProcedureCodeSequence.CodeValue = T1 → hold\n",
    ),
    "E114": Page(
        "A pattern is searched in every image that comes. Nested repeats and references back can take years on a text "
        "that somebody chose to make them; so they are refused, and every pattern is fast on every text.",
        "on port 11112 where StudyDescription matches /(a+)+b/ → hold\n",
        "on port 11112 where StudyDescription matches /a+b/ → hold\n",
    ),
    "E115": Page(
        "A box is `(x, y, width, height)` in pixels from the top left; `right N` and `bottom N` count from the other "
        "edges. Without an area nothing would be blanked.",
        "regions banner for Modality = US blank (0, 0, 1024, 0)\n"
        "on port 11112 → anonymize-pixels → store by PatientID\n",
        "regions banner for Modality = US blank (0, 0, 1024, 60)\n"
        "on port 11112 → anonymize-pixels → store by PatientID\n",
    ),
    "E116": Page(
        "A condition asks something. A tag alone asks nothing: is it there, or what is its value?",
        "on port 11112 where PatientID → store by PatientID\n",
        "on port 11112 where PatientID is present → store by PatientID\n",
    ),
    "E117": Page(
        "`version` says in which edition of the rule language a file is written, so that a later edition does not "
        "change "
        "what it means.",
        "version 7\non port 11112 → hold\n",
        "version 1\non port 11112 → hold\n",
    ),
    "E118": Page(
        "`on every` starts something at a time of day, `on trouble` when something does not work, and no object comes "
        "with it. So what needs an object cannot stand there, nor a condition; and `purge`, `report` and `alarm`, "
        "which work without one, stand nowhere else.",
        "on every day at 03:00 → store by PatientID\n",
        'on port 11112 → store in "teaching" by PatientID\non every day at 03:00 → purge "teaching" older 90 days\n',
    ),
    "W122": Page(
        "The libraries that look for text in images are an extra, as they are large. Without them nothing can be "
        "found, which proves nothing: so every object that comes to this step is held. Add the extra, or take the word "
        "out.",
        "on port 11112 → anonymize-pixels check text → store by PatientID\n",
        "on port 11112 → anonymize-pixels → store by PatientID\n",
        lacks="text",
    ),
    "W120": Page(
        "Something is declared, and no rule uses it: often a route was meant to and has the wrong name. A destination "
        "may do without a rule, for what is put into its folder goes there.",
        'contact admin = "it@praxis.example"\non port 11112 → store by PatientID\n',
        'contact admin = "it@praxis.example"\non port 11112 → store by PatientID → mail admin\n',
    ),
    "E201": Page(
        "One port can be listened on once. Routes may share a listener; two listeners cannot share a port.",
        "listener CT = dicom port 11112\nlistener MR = dicom port 11112\non CT → hold\non MR → hold\n",
        "listener CT = dicom port 11112\nlistener MR = dicom port 11113\non CT → hold\non MR → hold\n",
    ),
    "E202": Page(
        "What is sent to a port of this appliance comes in again, is sent again, and so on until the disk is full.",
        'destination PACS = dicom "PACS@127.0.0.1:11112"\non port 11112 → forward PACS\n',
        PACS + "on port 11112 → forward PACS\n",
    ),
    "W203": Page(
        "On Linux, ports below 1024 are for the system's own services. The appliance does not run with such rights.",
        "on port 104 → hold\n",
        "on port 11104 → hold\n",
    ),
    "E204": Page(
        "A watched folder is watched with all that lies in it, so a folder in it would be taken from twice. Watch the "
        "outer one; it takes what is put into any of its folders.",
        'on folder "/srv/export" → store by PatientID\non folder "/srv/export/ct" → hold\n',
        'on folder "/srv/export" → store by PatientID\non folder "/srv/reports" → hold\n',
    ),
    "E206": Page(
        "What the appliance writes into a folder that it watches would come in again, be written again, and so on "
        "until the disk is full. Its own folders are the data folder, the archive, and the folder with the outboxes; "
        "here the data folder is /srv/stellwerk.",
        'on folder "/srv/stellwerk/archive" → store by PatientID\n',
        'on folder "/srv/export" → store by PatientID\n',
        own=("/srv/stellwerk",),
    ),
    "W207": Page(
        "A name behind `on outbox` that is no destination's is a folder of its own. Where it is nearly the name of a "
        "destination, that one was most likely meant: without a rule for it, what is put into the folder of the "
        "destination goes there as it is.",
        PACS + "on outbox PASC → store by PatientID → forward PACS\n",
        PACS + "on outbox PACS → store by PatientID → forward PACS\n",
    ),
    "W210": Page(
        "An object without the tag is not equal to any value, so `!=` takes it. Where the rule decides what may "
        "be stored "
        "or sent, say what is meant for objects that do not have it.",
        PACS + "on port 11112 where BodyPartExamined != HEAD → forward PACS\n",
        PACS + "on port 11112 where BodyPartExamined != HEAD and BodyPartExamined is present → forward PACS\n",
    ),
    "W301": Page(
        "The first case that fits is taken. A case for which earlier ones leave nothing is never done.",
        PACS
        + "on port 11112 → choose\n  when Modality in (US, MR) → forward PACS\n  when Modality = US → hold\n"
        + "  otherwise → store by PatientID\nend\n",
        PACS
        + "on port 11112 → choose\n  when Modality = US → hold\n  when Modality in (US, MR) → forward PACS\n"
        + "  otherwise → store by PatientID\nend\n",
    ),
    "W302": Page(
        "`discard` ends the way of an object. What stands behind it is never done.",
        'on port 11112 where Modality = SR → discard "no reports" → store by PatientID\n',
        "on port 11112 where Modality = SR → store by PatientID\n"
        'on port 11112 where Modality = PR → discard "no states"\n',
    ),
    "W303": Page(
        "The parts of the condition exclude each other, so the rule never applies: usually an `and` that was "
        "meant as an "
        "`or`.",
        "on port 11112 where Rows > 512 and Rows < 256 → hold\n",
        "on port 11112 where Rows > 512 or Rows < 256 → hold\n",
    ),
    "W304": Page(
        "The route takes objects, and neither stores, sends nor holds them. What no other route takes is held "
        "then; say "
        "what is meant.",
        "on port 11112 → anonymize-pixels\n",
        "on port 11112 → anonymize-pixels → store by PatientID\n",
    ),
    "W305": Page(
        "`await` lets what stands behind it go only when all that stands in front of it has been delivered. With "
        "nothing stored or forwarded in front, or no effect behind, it changes nothing: something else was meant.",
        PACS + "on port 11112 → await → forward PACS\n",
        PACS + "on port 11112 → store by PatientID → await → forward PACS\n",
    ),
    "W306": Page(
        "`collect` waits until a study is complete, and `review` until a person has approved an image; the rest of the "
        "chain is done then. Where nothing follows, nothing is done.",
        PACS + "on port 11112 → forward PACS → collect study quiet 2 minutes\n",
        PACS + "on port 11112 → collect study quiet 2 minutes → forward PACS\n",
    ),
    "W307": Page(
        "Often the folder is misspelt, and the one that was meant grows without end. It is no mistake where earlier "
        "rules have stored there.",
        'on port 11112 → store in "teaching" by PatientID\non every day at 03:00 → purge "teachings" older 90 days\n',
        'on port 11112 → store in "teaching" by PatientID\non every day at 03:00 → purge "teaching" older 90 days\n',
    ),
    "E401": Page(
        "A destination that is `outside` gets nothing that says who the patient is. The compiler follows every "
        "way that an "
        "object can take, through cases, named steps and `on failure`, and names the one on which the header is not "
        "cleared. The appliance asks again for every object that it sends. Nor is such a destination asked for a study "
        "(`collect … ask`): its UID alone would name it.",
        UNI + "on port 11112 → anonymize-pixels → forward UNI\n",
        UNI + "on port 11112 → anonymize-pixels → anonymize → forward UNI\n",
    ),
    "E402": Page(
        "Ultrasound machines and scanned films carry the patient's name in the picture itself. On a way to a "
        "destination "
        "that is `outside`, `anonymize-pixels` must have been passed.",
        UNI + "on port 11112 → anonymize → forward UNI\n",
        UNI + "on port 11112 → anonymize-pixels → anonymize → forward UNI\n",
    ),
    "W403": Page(
        "`keep` leaves something in the header, and here others see it: in the name of a folder, in a mail or a "
        "webhook that may see names, or, where the rule names the tag itself, outside of the house. An option of the "
        "profile, like `institution`, may leave the house; of a tag nobody knows what people have written into it.",
        'on port 11112 → anonymize keep PatientID → store in "teaching" by PatientID\n',
        'on port 11112 → pseudonymize → store in "teaching" by PatientID\n',
    ),
    "E501": Page(
        "A destination is taken out of the rules while objects still wait for it. They would wait for ever, so the "
        "old rules run on until its outbox is empty; the new ones then take over by themselves. "
        "So do the last good rules at a start, where the change was made while the appliance was off. "
        "`stellwerk spool hold NAME` puts what waits into the hold, where a person decides.",
        "on port 11112 → store by PatientID\n",
        PACS + "on port 11112 → store by PatientID → forward PACS\n",
        PACS + "on port 11112 → forward PACS\n",
        (("PACS", 12),),
    ),
    "W502": Page(
        "No rule listens on the port any more on which objects have come in so far. Whoever still sends there is "
        "refused, and nobody tells him why.",
        "on port 26131 → store by PatientID\n",
        "on port 11112 → store by PatientID\non port 26131 → store by PatientID\n",
        "on port 11112 → store by PatientID\n",
    ),
    "W503": Page(
        "The listener has said so far who may send; now it takes from everyone who reaches the port.",
        "on port 11112 → store by PatientID\n",
        "listener sono = dicom port 11112 accept SONO1, SONO2\non sono → store by PatientID\n",
        "listener sono = dicom port 11112 accept SONO1\non sono → store by PatientID\n",
    ),
    "W505": Page(
        "After this change nobody takes what is put into the folder. What lies there stays, and the appliance says so, "
        "where it is the folder of a destination that is gone.",
        "on port 11112 → store by PatientID\n",
        'on port 11112 → store by PatientID\non folder "/srv/export" → store by PatientID\n',
        before='on port 11112 → store by PatientID\non folder "/srv/export" → store by PatientID\n',
    ),
    "E504": Page(
        "A `test` in the rule files is an example that must stay true. Rules whose own examples fail do not take over; "
        "`stellwerk test` shows each, and what happens instead.",
        "on port 11112 where Modality = US → store by PatientID\n"
        'test "MR is stored" given Modality = MR expect store\n',
        "on port 11112 where Modality in (US, MR) → store by PatientID\n"
        'test "MR is stored" given Modality = MR expect store\n',
    ),
}
