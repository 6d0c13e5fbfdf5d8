import Foundation
import Metrics
import Reports
import TestSupport
import Testing

@Suite struct FigurePlotTests {
    @Test func aFigureIsDrawnWithItsEvaluationsAndWhatTheLogHasOfIt() throws {
        let folder = try TemporaryFolder()
        try ReportFile.write(
            Data(
                """
                {"current_steps": 1, "loss": 3.0, "reward": -4.0}
                {"current_steps": 1, "eval_loss": 3.0, "eval_reward": -3.0}
                {"current_steps": 2, "loss": 3.0, "reward": -2.0}
                {"current_steps": 9, "loss": 3.0, "reward": 70.0}

                """.utf8), to: folder.path("trainer_log.jsonl"))
        let plot = FigurePlot("reward", folder: folder.path, title: "tiny", writesPNG: true)
        try plot.runBegan(atStep: 2, of: 4)
        for (step, value) in [(3, -1.0), (4, 0.5)] {
            var report = stepReport(step)
            report.figures = [Figure(name: "reward", value: value)]
            try plot.stepLogged(report)
        }
        // One without the figure adds nothing.
        try plot.stepLogged(stepReport(4))
        try plot.runEnded(runSummary(4))
        #expect(
            try folder.names().sorted()
                == ["trainer_log.jsonl", "training_reward.png", "training_reward.svg"])
        let text = try folder.read("training_reward.svg")
        let lines = text.split(separator: "\n").filter { $0.hasPrefix("<polyline") }
        // Four steps; what the log had of a step after the one gone on from is left out.
        let raw = try #require(lines.first { $0.contains("stroke=\"#a5c5e2\"") })
        #expect(raw.split(separator: "\"")[1].split(separator: " ").count == 4)
        #expect(text.contains(">reward, smoothed<") && text.contains(">evaluation reward<"))
    }

    @Test func whatWasNeverLoggedIsNotDrawn() throws {
        let folder = try TemporaryFolder()
        let plot = FigurePlot("reward", folder: folder.path, title: "tiny", writesPNG: false)
        try plot.runBegan(atStep: 0, of: 4)
        try plot.stepLogged(stepReport(1))
        try plot.runEnded(runSummary(4))
        #expect(try folder.names().isEmpty)
    }
}
