import Files
import Templates

/// A task as lm-evaluation-harness's files define one.
struct HarnessDefinition: Sendable {
    /// What is asked of a model.
    enum OutputType: String, Sendable, CaseIterable {
        case likelihood = "loglikelihood"
        case rolling = "loglikelihood_rolling"
        case choice = "multiple_choice"
        case text = "generate_until"
    }

    /// Where shots are taken from the pool.
    enum Sampler: String, Sendable, CaseIterable {
        case random = "default"
        case first = "first_n"
    }

    var task: String
    var output: OutputType
    var trainingSplit: String?
    var validationSplit: String?
    var testSplit: String?
    var fewshotSplit: String?
    /// Files by split, where the task names them; else they lie in task_dir.
    var files: [String: [String]] = [:]
    /// Applied to each row as it is read: what the program's own `process_docs` does.
    var process: (@Sendable (JSONValue) throws(RowProblem) -> JSONValue)?
    var text: HarnessField
    var target: HarnessField
    var choices: HarnessField?
    var description: String = ""
    var prefix: String?
    var targetDelimiter = " "
    var shotDelimiter = "\n\n"
    var shots = 0
    var sampler = Sampler.random
    var samples: [JSONValue]?
    /// Where generated texts end.
    var stops: [String]?
    var longest = 256
    /// Texts that are asked for of each document.
    var repeats = 1
    /// How texts are drawn; `nil` for the likeliest token each time.
    var drawing: TextDrawing?
    var filters: [HarnessFilter] = [HarnessFilter(name: "none", steps: [.first])]
    var metrics: [HarnessMetric] = []
    var version: JSONValue?

    init(
        _ task: String, _ output: OutputType, text: HarnessField, target: HarnessField,
        choices: HarnessField? = nil
    ) {
        self.task = task
        self.output = output
        self.text = text
        self.target = target
        self.choices = choices
    }

    /// The metrics of a task that names none.
    var metricsUsed: [HarnessMetric] {
        guard metrics.isEmpty else { return metrics }
        let kinds: [HarnessMetric.Kind] =
            switch output {
            case .likelihood: [.perplexity, .accuracy]
            case .rolling: [.wordPerplexity, .bytePerplexity, .bitsPerByte]
            case .choice: [.accuracy, .normalizedAccuracy]
            case .text: [.exactMatch]
            }
        return kinds.map { HarnessMetric($0) }
    }
}
