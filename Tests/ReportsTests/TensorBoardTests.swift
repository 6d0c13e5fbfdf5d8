import Configuration
import ConfigurationSupport
import Foundation
import Metrics
import Reports
import TestSupport
import Testing

@Suite struct TensorBoardTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func log(
        _ name: String = "events", at seconds: Double = 1_700_000_000
    ) throws -> TensorBoardLog {
        let run = try training([
            "report_to": .string("tensorboard"), "learning_rate": .double(0.25),
            "plot_loss": .bool(true), "run_name": .string("gemüse"),
        ])
        return TensorBoardLog(
            folder: folder.path(name), host: "node7", configuration: run,
            now: { Date(timeIntervalSince1970: seconds) })
    }

    private func events(_ name: String = "events") throws -> [[EventFileReader.Field]] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path(name)).sorted()
        return try names.flatMap { file in
            try EventFileReader(
                Data(contentsOf: folder.url.appendingPathComponent("\(name)/\(file)"))
            ).events
        }
    }

    private struct Point: Equatable {
        let step: Int
        let tag: String
        let value: Float
    }

    /// The points of all curves in the order of the file.
    private func points(_ events: [[EventFileReader.Field]]) throws -> [Point] {
        try events.flatMap { event in
            try (event[field: 5]?.fields ?? []).all(1).compactMap { value in
                let fields = try value.fields
                guard let point = fields[field: 2] else { return nil }
                return Point(
                    step: Int(event[field: 2]?.bits ?? 0), tag: fields[field: 1]?.text ?? "",
                    value: Float(bitPattern: UInt32(point.bits)))
            }
        }
    }

    @Test func checksumsAreCastagnolis() {
        // RFC 3720, appendix B.4, and the check value of the catalogue of parametrised CRC algorithms.
        let cases: [([UInt8], UInt32)] = [
            (Array(repeating: 0, count: 32), 0x8A91_36AA),
            (Array(repeating: 0xFF, count: 32), 0x62A8_AB43), (Array(0..<32), 0x46DD_794E),
            (Array("123456789".utf8), 0xE306_9283),
        ]
        for (bytes, checksum) in cases {
            #expect(EventRecord.checksum(of: Data(bytes)) == checksum)
            #expect(EventFileReader.checksum(bytes) == checksum)
        }
    }

    @Test func aFileIsNamedAndBegunAsTensorBoardWantsIt() throws {
        try log().runBegan(atStep: 0, of: 100)
        let name = try #require(
            FileManager.default.contentsOfDirectory(atPath: folder.path("events")).first)
        #expect(name.hasPrefix("events.out.tfevents.1700000000.node7."))
        let first = try #require(events().first)
        #expect(first[field: 3]?.text == "brain.Event:2")
        #expect(first[field: 1].map { Double(bitPattern: $0.bits) } == 1_700_000_000)
    }

    @Test func curvesHaveTheNamesOfTransformers() throws {
        let log = try log()
        try log.runBegan(atStep: 0, of: 100)
        var report = stepReport(10)
        report.figures = [Figure(name: "rewards/chosen", value: -0.5)]
        report.lossScale = 1024
        report.energyJoules = 37.5
        try log.stepLogged(report)
        var evaluation = evaluationReport(10)
        evaluation.figures = [Figure(name: "accuracy", value: 0.75)]
        try log.evaluationFinished(evaluation)
        try log.runEnded(runSummary())
        let found = try points(events())
        let expected: [(Int, String, Float)] = [
            (10, "train/loss", 4), (10, "train/grad_norm", 1.25), (10, "train/learning_rate", 1e-3),
            (10, "train/epoch", 0.2), (10, "train/rewards/chosen", -0.5),
            (10, "train/tokens_per_second", 1024), (10, "train/num_input_tokens_seen", 5120),
            (10, "train/step_seconds", 0.5), (10, "train/peak_memory_bytes", 3_221_225_472),
            (10, "train/loss_scale", 1024), (10, "train/energy_joules", 37.5),
            (10, "eval/loss", 3.5), (10, "eval/accuracy", 0.75), (10, "eval/runtime", 2),
            (10, "eval/samples_per_second", 20), (10, "eval/steps_per_second", 2.5),
            (100, "train/train_loss", 2.5), (100, "train/train_runtime", 50),
            (100, "train/train_samples_per_second", 16), (100, "train/train_steps_per_second", 2),
            (100, "train/total_flos", 1.5e15),
        ]
        #expect(found == expected.map { Point(step: $0, tag: $1, value: $2) })
    }

    @Test func aRunThatGoesOnTakesBackLaterPoints() throws {
        let first = try log(at: 1_700_000_000)
        try first.runBegan(atStep: 0, of: 100)
        for step in [10, 20, 30] { try first.stepLogged(stepReport(step)) }
        let second = try log(at: 1_700_000_001)
        try second.runBegan(atStep: 20, of: 100)
        let starts = try events().filter { try $0[field: 7]?.fields[field: 1]?.bits == 1 }
        // Points of this step and later are dropped, so 21 keeps that of 20.
        #expect(starts.map { $0[field: 2]?.bits } == [1, 21])
        #expect(try points(events()).filter { $0.tag == "train/loss" }.map(\.step) == [10, 20, 30])
    }

    @Test func theConfigurationIsATextAndHyperparameters() throws {
        try log().runBegan(atStep: 0, of: 100)
        let values = try events().flatMap { try ($0[field: 5]?.fields ?? []).all(1) }
            .map { try $0.fields }
        let text = try #require(values.first { $0[field: 1]?.text == "args/text_summary" })
        #expect(try text[field: 9]?.fields[field: 1]?.fields[field: 1]?.text == "text")
        let written = try #require(try text[field: 8]?.fields[field: 8]?.text)
        #expect(written.hasPrefix("```yaml\n") && written.contains("learning_rate: 0.25\n"))

        let start = try #require(
            values.first { $0[field: 1]?.text == "_hparams_/session_start_info" })
        let plugin = try #require(try start[field: 9]?.fields[field: 1]?.fields)
        #expect(plugin[field: 1]?.text == "hparams")
        let session = try #require(try plugin[field: 2]?.fields[field: 3]?.fields)
        var settings: [String: EventFileReader.Field] = [:]
        for entry in session.all(1) {
            let fields = try entry.fields
            settings[try #require(fields[field: 1]?.text)] = try fields[field: 2]?.fields.first
        }
        let rate = try #require(settings["learning_rate"])
        #expect(rate.number == 2 && Double(bitPattern: rate.bits) == 0.25)
        #expect(settings["plot_loss"]?.number == 4 && settings["plot_loss"]?.bits == 1)
        #expect(settings["run_name"]?.number == 3 && settings["run_name"]?.text == "gemüse")
        #expect(settings["report_to"]?.text == "[tensorboard]")

        let experiment = try #require(
            values.first { $0[field: 1]?.text == "_hparams_/experiment" })
        let content = try #require(
            try experiment[field: 9]?.fields[field: 1]?.fields[field: 2]?.fields[field: 2]?.fields)
        #expect(content.all(4).count == settings.count)
        let metrics = try content.all(5).map { try $0.fields[field: 1]?.fields[field: 2]?.text }
        #expect(metrics == ["train/loss", "eval/loss"])
    }

    @Test func theStandardFolderIsThatOfTransformers() throws {
        let zone = try #require(TimeZone(identifier: "UTC"))
        #expect(
            TensorBoardLog.standardFolder(
                of: "saves/a", host: "node7", at: Date(timeIntervalSince1970: 1_700_000_000),
                in: zone) == "saves/a/runs/Nov14_22-13-20_node7")
    }

    @Test func aFolderThatCannotBeMadeIsTold() throws {
        try folder.write("events")
        #expect(throws: ReportError.self) { try log().runBegan(atStep: 0, of: 100) }
    }
}
