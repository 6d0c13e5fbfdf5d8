import ArgumentParser
import Foundation
import Serving
import Training

/// `lockstep webchat FILE.yaml [key=value …]`
struct WebchatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webchat",
        abstract: "A page to talk to a model, beside the HTTP API.",
        discussion: """
            Reads what api reads. Bound beyond this machine (API_HOST) the page asks for a token, \
            which stands in the address that is printed.
            """)

    @Argument(help: "The YAML file; then settings as key=value.")
    var arguments: [String]

    func run() throws {
        ServedRanks.run { ranks throws(TrainingError) in
            let served = try ServedConfiguration(arguments, command: "webchat", ranks)
            let token = served.address.isLocal ? nil : RandomName.make()
            // Without a key of its own the API is open to whoever has the page's token.
            let address = served.address.withKey(served.address.key ?? token)
            try served.serve(
                ServedRanks.Front(address: address, pages: ChatPage().routes, pageToken: token) {
                    let host =
                        address.isLocal ? "localhost" : Foundation.ProcessInfo.processInfo.hostName
                    return "open http://\(host):\($0)/" + (token.map { "?token=\($0)" } ?? "")
                })
        }
    }
}
