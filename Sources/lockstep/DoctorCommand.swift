import ArgumentParser
import Distributed
import Files
import Foundation
import Kernels
import ModelFiles
import Training

/// `lockstep doctor`
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Tells about machine and libraries; under mpirun also hosts and links.",
        discussion: """
            With --model it tells instead about a model's chat template: which template of \
            LLaMA-Factory's writes the same as the model's own Jinja, or, with --template NAME, \
            whether that one does, and where text and ids first differ. Exit status 0 where they \
            are equal (or nothing is compared), 2 where they differ or the model's own cannot be \
            used. With --input, each line of a file of JSON (a list of messages, or an object with \
            messages, tools, add_generation_prompt) becomes a line with the text and the ids that \
            the model's own template makes of it, or with the error.
            """)

    @Option(help: "A model folder, .gguf file or checkpoint whose chat template is looked at.")
    var model: String?

    @Option(help: "The template to compare with, by LLaMA-Factory's name.")
    var template: String?

    @Option(help: "A file with a conversation in JSON on each line.")
    var input: String?

    func run() throws {
        if let model {
            do throws(TrainingError) {
                try ofModelFiles { () throws(ModelFileError) in try chatTemplate(of: model) }
            } catch {
                Failure.end(error)
            }
            return
        }
        if template != nil || input != nil {
            Failure.end(mistake: "doctor: --template and --input go with --model PATH")
        }
        let communicator = Ranks.meet()
        if communicator.rank == 0 { machine() }
        do throws(CommunicationError) {
            try ranks(communicator)
        } catch {
            Failure.end(communicator, .communication(error))
        }
        Success.end(communicator)
    }

    private func chatTemplate(of model: String) throws(ModelFileError) {
        let check = try TemplateCheck(path: model, template: template)
        guard let input else {
            let outcome = try check.run()
            for line in outcome.lines { print(line) }
            if !outcome.isSame {
                Failure.end(mistake: "the template is not the model's own: they write other texts")
            }
            return
        }
        guard let data = RegularFile.contents(input) else {
            throw .user("--input: \(input) is not there or cannot be read")
        }
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
            print(check.rendered(String(line)).text())
        }
    }

    private func machine() {
        let description = MachineDescription()
        print("lockstep        \(ProgramVersion.text)")
        print("host            \(Machine.hostName())")
        print(
            "processors      \(Machine.allowedProcessors()) allowed of "
                + "\(ProcessInfo.processInfo.processorCount)")
        print(
            "memory          \(gigabytes(Machine.memory())), "
                + "\(gigabytes(Machine.availableMemory())) available")
        print("OpenBLAS        \(description.openBLAS)")
        print("oneDNN          \(description.oneDNN), \(description.instructionSet)")
        let workspace = Workspace(threads: 1)
        for (name, type) in [("float32", ElementType.float32), ("bfloat16", .bfloat16)] {
            let peak = MachineMeasurement.matrixProductPeak(type, in: workspace) / 1e9
            let note =
                type == .bfloat16 && !description.hasBFloat16Products
                ? " (no bfloat16 products here: by way of float32)" : ""
            print(
                name.padding(toLength: 16, withPad: " ", startingAt: 0)
                    + String(format: "%.0f GFLOP/s on one thread", peak) + note)
        }
    }

    private func ranks(_ communicator: any Communicator) throws(CommunicationError) {
        guard communicator.size > 1 else {
            if communicator.rank == 0 {
                print("ranks           1; start under mpirun to see hosts and links")
            }
            return
        }
        let report = try LinkProbe.run(on: communicator)
        guard communicator.rank == 0 else { return }
        print("MPI             \(report.library)")
        for place in report.places {
            print(
                "rank \(place.rank)".padding(toLength: 16, withPad: " ", startingAt: 0)
                    + "\(place.host), \(place.allowedProcessors) processors, "
                    + "\(gigabytes(place.memory)), \(gigabytes(place.availableMemory)) available")
        }
        for link in report.links {
            print(
                "link \(link.firstRank)-\(link.secondRank)"
                    .padding(toLength: 16, withPad: " ", startingAt: 0)
                    + String(
                        format: "%.1f µs, %.2f GB/s", link.latency * 1e6, link.bandwidth / 1e9)
                    + (link.isSameHost ? ", same host" : ", between hosts"))
        }
        for point in report.sums {
            print(
                "sum \(point.bytes) B".padding(toLength: 16, withPad: " ", startingAt: 0)
                    + String(
                        format: "%.3f ms, %.2f GB/s", point.seconds * 1e3,
                        report.busBandwidth(of: point) / 1e9))
        }
    }

    private func gigabytes(_ bytes: Int) -> String {
        String(format: "%.1f GiB", Double(bytes) / 1_073_741_824)
    }
}
