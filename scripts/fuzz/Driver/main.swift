import Foundation

// fuzz [--count N] [--seed S] [--scratch FOLDER] [PARSER …]: see scripts/fuzz/run.sh.
// fuzz --input PARSER FILE: one input, in this process.
// fuzz --worker …: what the first starts.

/// Says what is wrong and ends.
func stop(_ reason: String) -> Never {
    FileHandle.standardError.write(Data("fuzz: \(reason)\n".utf8))
    exit(2)
}

func parser(_ name: String) -> Parser {
    guard let parser = Parser.all.first(where: { $0.name == name }) else {
        stop("no parser '\(name)'; there are " + Parser.all.map(\.name).joined(separator: ", "))
    }
    return parser
}

var arguments = Array(CommandLine.arguments.dropFirst())
if arguments.first == "--worker", arguments.count == 8 {
    // More than any input may need, so that a slip does not take the machine along.
    var limit = rlimit(rlim_cur: 8 << 30, rlim_max: 8 << 30)
    setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
    let worker = Worker(
        parser: parser(arguments[1]), folder: Folder(path: arguments[5]),
        run: UInt64(arguments[4]) ?? 0, progress: arguments[6], findings: arguments[7])
    worker.work(from: Int(arguments[2]) ?? 0, to: Int(arguments[3]) ?? 0)
    exit(0)
}
if arguments.first == "--input", arguments.count == 3 {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("lockstep-fuzz")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    guard let data = FileManager.default.contents(atPath: arguments[2]) else {
        stop("cannot read \(arguments[2])")
    }
    let read = parser(arguments[1]).read([UInt8](data), Folder(path: folder.path))
    print(read ? "read" : "refused")
    exit(0)
}

var count = 100_000
var seed: UInt64 = 1
var scratch = FileManager.default.temporaryDirectory.path + "/lockstep-fuzz"
var names: [String] = []
while !arguments.isEmpty {
    let word = arguments.removeFirst()
    switch (word, arguments.first) {
    case ("--count", let value?):
        count = Int(value) ?? count
        arguments.removeFirst()
    case ("--seed", let value?):
        seed = UInt64(value) ?? seed
        arguments.removeFirst()
    case ("--scratch", let value?):
        scratch = value
        arguments.removeFirst()
    default: names.append(word)
    }
}
let chosen = names.isEmpty ? Parser.all : names.map(parser)
var findings: [String] = []
for parser in chosen {
    for file in parser.seeds where !FileManager.default.fileExists(atPath: file) {
        stop("\(parser.name): no seed \(file); start from the repository's top")
    }
    let supervisor = Supervisor(
        parser: parser, program: CommandLine.arguments[0], count: count, run: seed,
        scratch: scratch)
    findings += try supervisor.supervise()
}
for finding in findings { print(finding) }
exit(findings.isEmpty ? 0 : 1)
