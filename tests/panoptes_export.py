"""Volunteers of a Zooniverse project, played: from a manifest to an export of classifications.

Written from Zooniverse's format alone and without skgalaxy, so that the two can disagree. It reads
a manifest as Zooniverse's client does, lets volunteers classify, and writes what a project's page
"Data exports" would give, with all that is untidy about real ones: volunteers who come back and
change their minds, null answers, rows twice, other workflows, versions and tasks, images in
answers, anonymous volunteers, retired subjects.

    python panoptes_export.py round_1/manifest.csv classifications.csv 0.3
"""

import csv
import hashlib
import json
import os
import random
import sys

COLUMNS = [
    *("classification_id", "user_name", "user_id", "user_ip", "workflow_id", "workflow_name"),
    *("workflow_version", "created_at", "gold_standard", "expert", "metadata", "annotations"),
    *("subject_data", "subject_ids"),
]
WORKFLOW, OTHER_WORKFLOW, VERSION = 21802, 99, "12.34"
QUESTION = "Is the galaxy simply smooth and rounded, with no sign of a disk?"
SMOOTH = "![smooth_icon.png](https://panoptes-uploads.zooniverse.org/a/1f.png) Smooth"
FEATURED = (
    "![features.png =60x](https://panoptes-uploads.zooniverse.org/a/2c.png)\n\nFeatures or Disk"
)
ARTIFACT = "Star or Artifact "
# Tasks of a tree: the question, and for each answer how often it is given, and what it leads to.
TREE = {
    "T0": (QUESTION, {SMOOTH: (0.4, "T3"), FEATURED: (0.5, "T1"), ARTIFACT: (0.1, None)}),
    "T1": ("Is it seen edge-on?", {"Yes": (0.3, "T3"), "No ": (0.7, "T2")}),
    "T2": (
        "Is there a bar?",
        {"![bar](https://z.org/b.png) A bar": (0.5, "T3"), "No": (0.5, "T3")},
    ),
    "T3": ("Anything odd?", {"Yes": (0.1, None), "No": (0.9, None)}),
}


def read_manifest(path):
    """Return what is uploaded of each subject: its image file and its metadata, all text."""
    root = os.path.dirname(path)
    with open(path, newline="", encoding="utf-8") as file:
        table = csv.reader(file, skipinitialspace=True)
        header = [name.lstrip("%") for name in next(table)]
        subjects = []
        for row in table:
            media = [cell for cell in row if os.path.exists(os.path.join(root, cell))]
            if len(media) != 1:
                raise ValueError(f"a subject has one image, not {media}")
            image = os.path.join(root, media[0])
            if not 0 < os.path.getsize(image) <= 1024 * 1024:
                raise ValueError(f"{image} is empty or larger than 1 MiB")
            if not image.endswith((".jpg", ".png")):
                raise ValueError(f"{image} is of a kind that Zooniverse refuses")
            subjects.append((image, dict(zip(header, row, strict=True))))
    return subjects


class Project:
    """The server: it counts classifications up and writes them down."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.rows = []

    def classify(self, volunteer, subject, annotations, workflow=WORKFLOW, version=VERSION):
        number = 543_000_000 + 7 * len(self.rows)
        anonymous = volunteer.startswith("not-logged-in-")
        subject_id, metadata, is_retired = subject
        retired = {
            "id": 125510348,
            "workflow_id": workflow,
            "classifications_count": 40,
            "retired_at": "2024-02-23T16:17:42.479Z",
            "retirement_reason": "classification_count",
        }
        second = len(self.rows)
        self.rows.append(
            {
                "classification_id": number,
                "user_name": volunteer,
                "user_id": "" if anonymous else len(volunteer) * 1000 + 17,
                "user_ip": hashlib.sha1(volunteer.encode()).hexdigest()[:20],
                "workflow_id": workflow,
                "workflow_name": 'Galaxy Zoo, "mobile"',
                "workflow_version": version,
                "created_at": f"2024-02-{1 + second // 86400:02d} {second // 3600 % 24:02d}:"
                f"{second // 60 % 60:02d}:{second % 60:02d} UTC",
                "gold_standard": "",
                "expert": "",
                "metadata": json.dumps(
                    {
                        "source": "api",
                        "session": hashlib.sha256(volunteer.encode()).hexdigest(),
                        "finished_at": "2024-02-23T16:17:42.334Z",
                        "live_project": True,
                        "user_agent": "Mozilla/5.0 (X11; Linux x86_64), like Gecko",
                        "subject_selection_state": {"already_seen": False, "retired": is_retired},
                    }
                ),
                "annotations": json.dumps(annotations),
                "subject_data": json.dumps(
                    {str(subject_id): {"retired": retired if is_retired else None, **metadata}}
                ),
                "subject_ids": subject_id,
            }
        )


def annotate(answer, more=()):
    return [{"task": "T0", "task_label": QUESTION, "value": answer}, *more]


def volunteers(rng, n_volunteers):
    """Return names, every third of them Zooniverse's for somebody who is not logged in."""
    names = []
    for number in range(n_volunteers):
        digest = hashlib.sha1(str(rng.random()).encode()).hexdigest()[:20]
        names.append(f"not-logged-in-{digest}" if number % 3 == 0 else f"Zoë_{number}")
    return names


def classify_subject(project, subject, names, fraction):
    """Let volunteers see one subject, and return how many said featured, of how many."""
    rng, k, n_votes = project.random, 0, 0
    shape = {"task": "T1", "task_label": "How rounded is it?", "value": "In between"}
    several = {"task": "T8", "task_label": "Anything odd?", "value": ["Ring", "Dust lane"]}
    drawing = {"task": "T9", "task_label": "Mark it", "value": [{"x": 1.5, "y": 2, "tool": 0}]}
    for name in names:
        featured = rng.random() < fraction
        answer = FEATURED if featured else rng.choice([SMOOTH, SMOOTH, ARTIFACT])
        untidy = rng.random()
        if untidy < 0.05:  # sent without an answer, and never again
            project.classify(name, subject, annotate(None))
            continue
        k, n_votes = k + featured, n_votes + 1
        if untidy < 0.1:  # sent without an answer, then with one
            project.classify(name, subject, annotate(None))
        if untidy > 0.9:  # the question as part of a combined task
            combined = {"task": "T4", "value": annotate(answer, [shape])}
            project.classify(name, subject, [combined])
        else:
            project.classify(name, subject, annotate(answer, [shape, several, drawing]))
        if 0.5 < untidy < 0.7:  # comes back and says something else
            project.classify(name, subject, annotate(SMOOTH if featured else FEATURED))
        if 0.4 < untidy < 0.6:
            other = annotate("Cat", [several])
            project.classify(name, subject, other, workflow=OTHER_WORKFLOW, version="3.1")
        if 0.6 < untidy < 0.8:  # an earlier version, with other answers
            project.classify(name, subject, annotate("Not sure"), version="1.234")
    return k, n_votes


def classify_tree(project, subject, names, _):
    """Let volunteers walk down the tree about one subject, and return the counts of answers."""
    rng, counts = project.random, dict.fromkeys((t, a) for t in TREE for a in TREE[t][1])
    counts.update(dict.fromkeys(counts, 0))
    for name in names:
        walk, task, untidy = [], "T0", rng.random()
        while task:
            question, answers = TREE[task]
            weights = [weight for weight, _ in answers.values()]
            answer = None if rng.random() < 0.05 else rng.choices(list(answers), weights)[0]
            walk.append({"task": task, "task_label": question, "value": answer})
            if answer is not None:  # whoever skips a task goes home
                counts[task, answer] += 1
            task = answers[answer][1] if answer else None
        if walk[0]["value"] is None:  # nothing is said: sent again, with an answer or never
            project.classify(name, subject, walk)
            continue
        if walk[0]["value"] == SMOOTH and untidy < 0.2:  # went back, and another way
            walk.insert(1, {"task": "T2", "task_label": TREE["T2"][0], "value": "No"})
        if untidy > 0.9:
            walk = [{"task": "T4", "value": walk}]
        if untidy > 0.5:
            walk = [*walk, {"task": "T9", "task_label": "Mark it", "value": [{"x": 1.5}]}]
        project.classify(name, subject, walk)
        if 0.4 < untidy < 0.6:  # comes back, and says something else
            project.classify(name, subject, annotate(ARTIFACT))
            project.classify(name, subject, annotate("Cat"), OTHER_WORKFLOW, "3.1")
            project.classify(name, subject, annotate("Not sure"), version="1.234")
    return counts


def write_export(manifest, path, fractions, *, n_volunteers=20, seed=0, classify=classify_subject):
    """Write an export of classifications of the subjects of a manifest.

    `fractions` maps `#id_str` to the probability that a volunteer says featured. Returned is a
    dict of the counts (k, N) that a reader of the export must find, by `#id_str`; with
    `classify_tree` of those of every (task, answer).
    """
    project, counts = Project(seed), {}
    training = (96588000, {"#training": "true", "image": "cat.png"}, False)
    for number, (_, metadata) in enumerate(read_manifest(os.fspath(manifest))):
        subject = (96588001 + number, metadata, number % 2 == 0)
        names = volunteers(project.random, n_volunteers)
        galaxy = metadata["#id_str"]
        counts[galaxy] = classify(project, subject, names, fractions[galaxy])
        project.classify(names[0], training, annotate("Dog"), workflow=OTHER_WORKFLOW)
    # two exports, put together, overlap; and rows come in no order
    rows = project.rows + project.random.sample(project.rows, len(project.rows) // 10)
    project.random.shuffle(rows)
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(rows)
    return counts


if __name__ == "__main__":
    manifest_path, export_path, constant = sys.argv[1:]
    everyone = {
        metadata["#id_str"]: float(constant) for _, metadata in read_manifest(manifest_path)
    }
    for galaxy_id, (yes, asked) in write_export(manifest_path, export_path, everyone).items():
        sys.stdout.write(f"{galaxy_id} {yes} {asked}\n")
