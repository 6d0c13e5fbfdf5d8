import Foundation

/// Tries inputs of one parser, one after the other, in this process.
struct Worker {
    let parser: Parser
    let folder: Folder
    let run: UInt64
    /// Where the number of the input being tried is written, for the process that watches.
    let progress: String
    /// Where findings other than crashes are written, a line each.
    let findings: String

    /// Memory that an input may need at its peak: this and `perByte` times its size.
    static let allowance = 64 << 20
    static let perByte = 16

    /// Tries the inputs from `first` to `last`. The seeds come first: a parser that refuses them tries
    /// nothing.
    func work(from first: Int, to last: Int) {
        var mutator = Mutator(seeds: Self.seeds(of: parser), words: parser.words)
        var accepted = 0
        let mark = open(progress, O_WRONLY | O_CREAT, 0o600)
        let refused = Self.seeds(of: parser).filter { !parser.read($0, folder) }.count
        if refused > 0 { report("refused \(refused) of the \(parser.seeds.count) seeds") }
        for index in first..<last {
            var number = Int64(index)
            pwrite(mark, &number, 8, 0)
            let input = mutator.input(index, run: run)
            let before = Self.resetPeak()
            if parser.read(input, folder) { accepted += 1 }
            let grown = Self.memory("VmHWM:") - before
            if grown > Self.allowance + Self.perByte * input.count {
                report("memory \(index) \(grown) bytes for an input of \(input.count)")
            }
        }
        var number = Int64(last)
        pwrite(mark, &number, 8, 0)
        report("read \(accepted)")
    }

    /// The parser's seeds.
    static func seeds(of parser: Parser) -> [[UInt8]] {
        parser.seeds.compactMap { FileManager.default.contents(atPath: $0).map { [UInt8]($0) } }
    }

    private func report(_ line: String) {
        let handle = open(findings, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        defer { close(handle) }
        _ = Array((line + "\n").utf8).withUnsafeBytes { write(handle, $0.baseAddress, $0.count) }
    }

    /// Lets the peak of resident memory begin anew; returns what is resident now, in bytes.
    private static func resetPeak() -> Int {
        let handle = open("/proc/self/clear_refs", O_WRONLY)
        defer { close(handle) }
        _ = write(handle, "5", 1)
        return memory("VmRSS:")
    }

    /// A figure of /proc/self/status in bytes.
    private static func memory(_ key: String) -> Int {
        guard let handle = fopen("/proc/self/status", "r") else { return 0 }
        defer { fclose(handle) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), handle) != nil {
            let words = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
            guard words.hasPrefix(key) else { continue }
            let number = words.dropFirst(key.count).filter(\.isNumber)
            return (Int(number) ?? 0) * 1024
        }
        return 0
    }
}
