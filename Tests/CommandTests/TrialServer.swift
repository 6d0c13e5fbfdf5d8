import Foundation
import Testing

/// `lockstep api` with the model of References/finetuning and room for long answers, one at a time; under
/// mpirun where it has several ranks.
struct TrialServer {
    let folder: TrialFolder
    let process: LockstepProcess
    let port: Int

    /// - Parameter shell: a command of bash that comes before, such as a limit.
    init(
        _ environment: [String: String] = [:], ranks: Int = 1, shell: String? = nil
    ) throws {
        folder = try TrialFolder.finetuning()
        let file = folder.full("model/config.json")
        let text = try String(contentsOfFile: file, encoding: .utf8).replacingOccurrences(
            of: "\"max_position_embeddings\": 256", with: "\"max_position_embeddings\": 65536")
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        try folder.write("serve.yaml", "model_name_or_path: model\ntemplate: chatml\n")
        process = try folder.start(
            ["api", "serve.yaml"], ranks: ranks,
            environment: ["API_PORT": "0", "MAX_CONCURRENT": "1"].merging(environment) { $1 },
            shell: shell)
        let started = process
        let end = ContinuousClock.now + .seconds(120)
        _ = started.wait {
            started.errors.contains("/v1 answers as") || ContinuousClock.now > end
        }
        let address = try #require(
            process.errors.firstMatch(of: #/http:\/\/127\.0\.0\.1:([0-9]+)\/v1/#))
        port = try #require(Int(address.1))
    }

    /// Waits until something is so; at most two minutes, which is long for a busy machine.
    func comes(_ condition: () -> Bool) -> Bool {
        let end = ContinuousClock.now + .seconds(120)
        return process.wait { condition() || ContinuousClock.now > end } && condition()
    }

    func open(_ request: String, _ body: String = "") throws -> ClientSocket {
        let socket = try ClientSocket(port: port)
        try socket.send(
            "\(request) HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
                + "content-length: \(body.utf8.count)\r\n\r\n\(body)")
        return socket
    }

    func answer(_ request: String, _ body: String = "") throws -> String {
        try open(request, body).readToEnd()
    }

    func figure(_ name: String) throws -> Double? {
        let text = try answer("GET /metrics")
        let line = text.split(whereSeparator: \.isNewline)
            .first { $0.hasPrefix("lockstep:\(name) ") }
        return line?.split(separator: " ").last.flatMap { Double($0) }
    }

    /// What makes an answer as long as it may be: the ids that would end it never come.
    static let endless = "\"logit_bias\": {\"0\": -100, \"1\": -100, \"2\": -100}"

    /// A question whose answer has so many tokens.
    static func asking(_ count: Int, _ more: String = "\"stream\": true") -> String {
        "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}], \"max_tokens\": \(count), "
            + "\(endless), \(more)}"
    }

    /// Asks it to stop, and waits for its end.
    func stop() throws -> LockstepRun {
        process.send(SIGTERM)
        return try process.finish()
    }
}
