import Files
import Foundation

/// A file of JSON lines that say of which step they are, appended as they come.
struct StepLines {
    let path: String
    /// The key of the step's number.
    let key: String

    /// Drops lines after the step that a run goes on from, so that no step is told twice; a run that begins
    /// at step 0 begins the file anew.
    func keep(to step: Int) throws(ReportError) {
        guard let data = FileManager.default.contents(atPath: path) else { return }
        let newline = UInt8(ascii: "\n")
        var kept = Data()
        for line in data.split(separator: newline) where number(of: line) ?? Int.max <= step {
            kept.append(contentsOf: line)
            kept.append(newline)
        }
        if step == 0 { kept = Data() }
        guard kept != data else { return }
        try ReportFile.write(kept, to: path)
    }

    /// The step of a line; `nil` for one that was cut off.
    private func number(of line: Data) -> Int? {
        (try? JSONValueReader.read([UInt8](line)[...]))?[key]?.integer
    }

    func append(_ line: JSONValue) throws(ReportError) {
        let data = Data((line.text() + "\n").utf8)
        guard let handle = FileHandle(forWritingAtPath: path) else {
            try ReportFile.write(data, to: path)
            return
        }
        do {
            try handle.seekToEnd()
            try handle.write(contentsOf: data)
            try handle.close()
        } catch {
            throw .write(file: path, reason: ReportFile.reason(error))
        }
    }
}
