import Foundation
import Metrics
import Reports
import TestSupport
import Testing

@Suite struct MetricsFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func file(run: String = "a run", interval: Double = 5) -> MetricsFile {
        MetricsFile(
            folder.path("new/lockstep.prom"), run: run, interval: interval,
            now: { Date(timeIntervalSince1970: 1_700_000_000.5) })
    }

    /// The samples by name and labels.
    private func samples() throws -> [String: String] {
        let lines = try folder.read("new/lockstep.prom").split(separator: "\n")
        let pairs = lines.filter { !$0.hasPrefix("#") }.compactMap { line in
            line.lastIndex(of: " ").map { (String(line[..<$0]), String(line[$0...].dropFirst())) }
        }
        return Dictionary(pairs) { first, _ in "\(first), twice" }
    }

    @Test func figuresOfStepsAndEvaluationsAreThere() throws {
        let file = file()
        try file.runBegan(atStep: 0, of: 100)
        var report = stepReport(10)
        report.energyJoules = 20
        report.figures = [Figure(name: "rewards/chosen", value: .infinity)]
        try file.stepFinished(report)
        report.isSkipped = true
        report.loss = .nan
        try file.stepFinished(report)
        var evaluation = evaluationReport(10)
        evaluation.figures = [Figure(name: "accuracy", value: 0.75)]
        try file.evaluationFinished(evaluation)
        let expected = [
            "running": "1", "updated_seconds": "1700000000.5", "step": "10",
            "steps_planned": "100", "epoch": "0.2", "loss": "NaN", "learning_rate": "0.001",
            "grad_norm": "1.25", "step_seconds": "0.5", "remaining_seconds": "45",
            "tokens_per_second": "1024", "tokens_total": "5120",
            "peak_memory_bytes": "3221225472", "skipped_steps_total": "1",
            "energy_joules_total": "40", "eval_step": "10",
        ]
        var all: [String: String] = [:]
        for (name, value) in expected { all["lockstep_\(name){run=\"a run\"}"] = value }
        all["lockstep_figure{run=\"a run\",name=\"rewards/chosen\"}"] = "+Inf"
        all["lockstep_eval{run=\"a run\",name=\"loss\"}"] = "3.5"
        all["lockstep_eval{run=\"a run\",name=\"accuracy\"}"] = "0.75"
        #expect(try samples() == all)
        try file.runEnded(runSummary())
        #expect(try samples()["lockstep_running{run=\"a run\"}"] == "0")
    }

    @Test func everyFigureHasItsTypeBeforeIt() throws {
        let file = file()
        try file.runBegan(atStep: 0, of: 100)
        try file.stepFinished(stepReport(10))
        let lines = try folder.read("new/lockstep.prom").split(separator: "\n").map(String.init)
        for (index, line) in lines.enumerated() where !line.hasPrefix("#") {
            let name = String(line.prefix { $0 != "{" })
            let kind = name.hasSuffix("_total") ? "counter" : "gauge"
            #expect(lines[index - 1] == "# TYPE \(name) \(kind)")
            #expect(lines[index - 2].hasPrefix("# HELP \(name) "))
        }
    }

    @Test func aNameIsWrittenSoThatItReadsBack() throws {
        try file(run: "a \"b\" \\ c\nd").runBegan(atStep: 7, of: 100)
        #expect(try samples()[#"lockstep_step{run="a \"b\" \\ c\nd"}"#] == "7")
    }

    /// A report's time elapsed is half a second a step.
    @Test func stepsInBetweenAreWrittenEveryFewSeconds() throws {
        let file = file()
        try file.runBegan(atStep: 0, of: 100)
        var seen: [String?] = []
        for step in 1...22 {
            try file.stepFinished(stepReport(step))
            seen.append(try samples()["lockstep_step{run=\"a run\"}"])
        }
        #expect(seen[8] == "0" && seen[9] == "10" && seen[18] == "10" && seen[19] == "20")
        try file.stepLogged(stepReport(22))
        #expect(try samples()["lockstep_step{run=\"a run\"}"] == "22")
        #expect(try folder.names() == ["new"])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path("new"))
                == ["lockstep.prom"])
    }
}
