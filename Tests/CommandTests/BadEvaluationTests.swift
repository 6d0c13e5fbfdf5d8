import Foundation
import TestSupport
import Testing

/// Mistakes of evaluations: one line, status 2, nothing written, on all ranks alike.
@Suite struct BadEvaluationTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let message: String
        var arguments: [String] = []
        /// A file that is written before, with its text.
        var file: (name: String, text: String)?
        var ranks = 1
        var testDescription: String { message }
    }

    private static let yaml = """
        task: mine
        dataset_path: json
        dataset_kwargs: {data_files: {test: piqa/validation.jsonl}}
        test_split: test
        output_type: multiple_choice
        doc_to_text: goal
        doc_to_target: label
        doc_to_choice: "{{[sol1, sol2]}}"

        """

    private static func task(_ message: String, _ more: String) -> Case {
        Case(
            message: message, arguments: ["task=data/mine.yaml"],
            file: ("data/mine.yaml", yaml + more))
    }

    static let table = [
        Case(
            message:
                "'data/mmlu/mapping.json': open failed: No such file or directory; task_dir has to hold "
                + "mmlu/mapping.json and the subjects' CSV files beside it, as docs/evaluation.md "
                + "describes",
            arguments: ["task=mmlu_test"], ranks: 2),
        Case(
            message: "evaluation/mmlu/data/test/law_test.csv line 1: answer: found 'E', expected "
                + "A, B, C or D",
            arguments: ["task=mmlu_test", "task_dir=evaluation"],
            file: ("evaluation/mmlu/data/test/law_test.csv", "q,a,b,c,d,E\n"), ranks: 2),
        Case(
            message: "evaluation/mmlu/data/dev/law_dev.csv: line 2: found 5 fields, expected 6: "
                + "question, A, B, C, D, answer",
            arguments: ["task=mmlu_test", "task_dir=evaluation"],
            file: ("evaluation/mmlu/data/dev/law_dev.csv", "q,a,b,c,d,A\nq,a,b,c,d\n")),
        Case(
            message: "'evaluation/cmmlu/test/algebra.csv' holds no rows",
            arguments: ["task=cmmlu_test", "task_dir=evaluation"],
            file: ("evaluation/cmmlu/test/algebra.csv", ",Question,A,B,C,D,Answer\n")),
        Case(
            message: "task: ceval_test has no answers to compare with; take ceval_validation",
            arguments: ["task=ceval_test"]),
        Case(
            message: "task piqa: 'none/piqa/validation.jsonl' does not exist (nor .json, .csv, "
                + ".tsv, .parquet, .arrow); task_dir has to hold piqa/validation in the data set's own columns, as "
                + "docs/evaluation.md describes",
            arguments: ["task_dir=none"], ranks: 2),
        Case(
            message: "task piqa, data/piqa/validation.jsonl line 1: found answer 2, expected one "
                + "of the 2 choices or its number from 0",
            file: (
                "data/piqa/validation.jsonl",
                "{\"goal\": \"g\", \"sol1\": \"a\", \"sol2\": \"b\", \"label\": 2}\n"
            )),
        Case(
            message: "task piqa, data/piqa/validation.jsonl line 1: found doc_to_text: line 1: "
                + "'goal' is undefined, expected a row with what it names",
            file: (
                "data/piqa/validation.jsonl",
                "{\"sol1\": \"a\", \"sol2\": \"b\", \"label\": 1}\n"
            )),
        Case(
            message: "task piqa, data/piqa/validation.jsonl line 1: found 9 shots (n_shot) from 8 "
                + "documents, expected at least 10 to take them from",
            arguments: ["n_shot=9"]),
        Case(
            message: "mine.yaml line 9: process_docs: found !function utils.process, which is "
                + "another program's code and cannot run here; write the value itself, or in a "
                + "task file a template",
            arguments: ["task=data/mine.yaml"],
            file: ("data/mine.yaml", yaml + "process_docs: !function utils.process\n")),
        task(
            "data/mine.yaml: doc_to_texts is not known in task files; did you mean doc_to_text?",
            "doc_to_texts: goal\n"),
        task(
            "data/mine.yaml: metric_list: found 'f1', expected of output_type multiple_choice: "
                + "acc, acc_norm, acc_bytes, acc_mutual_info, exact_match",
            "metric_list: [{metric: f1}]\n"),
        task(
            "data/mine.yaml: generation_kwargs: do_sample: found true, expected a temperature above 0 "
                + "beside it",
            "generation_kwargs: {do_sample: true}\n"),
        task(
            "data/mine.yaml: generation_kwargs: top_p: found 2, expected a share above 0, at most 1",
            "generation_kwargs: {temperature: 1, top_p: 2}\n"),
        task(
            "data/mine.yaml: repeats: found 3, expected 1 of output_type multiple_choice",
            "repeats: 3\n"),
        Case(
            message: "data/mine.yaml: filter all: found 3 answers at its end, expected take_first "
                + "or majority_vote in it",
            arguments: ["task=data/mine.yaml"],
            file: (
                "data/mine.yaml",
                "include: first.yaml\ntask: mine\nrepeats: 3\nfilter_list: [{name: all, filter: "
                    + "[{function: lowercase}]}]\n"
            )),
        Case(
            message: "data/mine.yaml: filter few: found take_first_k of 4, expected at most "
                + "repeats, 3",
            arguments: ["task=data/mine.yaml"],
            file: (
                "data/mine.yaml",
                "include: first.yaml\ntask: mine\nrepeats: 3\nfilter_list: [{name: few, filter: "
                    + "[{function: take_first_k, k: 4}]}]\n"
            )),
        Case(
            message: "data/mine.yaml: task piqa: description: found \"x\", expected num_fewshot "
                + "alone of a task that is built in; write a task file",
            arguments: ["task=data/mine.yaml"],
            file: ("data/mine.yaml", "group: g\ntask: [{task: piqa, description: x}]\n")),
        task(
            "task mine: description: line 1: a tag is not closed by '}}'",
            "description: \"{{x\"\n"),
        Case(
            message: "core.yaml line 2: not valid YAML: did not find expected node content",
            arguments: ["task=core", "task_dir=evaluation"],
            file: ("evaluation/eval_bundle/core.yaml", "icl_tasks: [")),
        Case(
            message: "evaluation/eval_bundle/eval_data/pairs.jsonl line 1: found gold: 7, "
                + "expected a number from 0 to 1",
            arguments: ["task=core", "task_dir=evaluation", "n_shot=0"],
            file: (
                "evaluation/eval_bundle/eval_data/pairs.jsonl",
                "{\"context_options\": [\"a\", \"b\"], \"continuation\": \"c\", \"gold\": 7}\n"
            )),
        Case(
            message: "fewshot_as_multiturn, apply_chat_template: solved examples are turns of a "
                + "conversation alone; set apply_chat_template: true, or leave it out",
            arguments: ["fewshot_as_multiturn=true"]),
        Case(
            message: "apply_chat_template, template: apply_chat_template writes with the model's "
                + "own template",
            arguments: ["apply_chat_template=true", "template=qwen"]),
        Case(
            message: "apply_chat_template: the model has no chat template of its own",
            arguments: ["apply_chat_template=true"], ranks: 2),
        Case(
            message: "data/mine.yaml: dataset_path is not known in group files; leave it out",
            arguments: ["task=data/mine.yaml"],
            file: ("data/mine.yaml", "group: mine\ntask: [piqa]\ndataset_path: json\n")),
        Case(
            message: "data/mine.yaml: aggregate_metric_list: aggregation: found \"sum\", expected",
            arguments: ["task=data/mine.yaml"],
            file: (
                "data/mine.yaml",
                "group: mine\ntask: piqa\naggregate_metric_list: "
                    + "[{metric: acc, aggregation: sum}]\n"
            )),
        Case(
            message: "data/mine.yaml: groups hold each other",
            arguments: ["task=data/mine.yaml"],
            file: ("data/mine.yaml", "group: mine\ntask: [mine]\n")),
        Case(
            message: "--resume: save_dir is not set, so no answers are kept; set it",
            arguments: ["save_dir=null", "--resume"], ranks: 2),
    ]

    @Test(arguments: table)
    func aMistakeIsToldInOneLine(_ mistake: Case) throws {
        let folder = try TrialFolder.evaluation()
        if let file = mistake.file { try folder.write(file.name, file.text) }
        let run = try folder.evaluate(mistake.arguments, ranks: mistake.ranks)
        #expect(run.status == 2)
        #expect(
            run.messages.count == 1 && run.messages[0].contains(mistake.message), "\(run.errors)")
        #expect(run.output.isEmpty && !folder.exists("out"))
    }

    @Test func aNameThatNoTaskHasIsAnsweredWithThoseThereAre() throws {
        let folder = try TrialFolder.evaluation()
        let run = try folder.evaluate(["task=helaswag"])
        #expect(run.status == 2 && run.says("task: found 'helaswag', expected a task file (.yaml)"))
        #expect(run.says("mmlu_test") && run.says("hellaswag") && run.says("core_small"))
    }
}
