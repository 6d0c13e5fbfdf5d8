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
        do throws(TrainingError) {
            let served = try ServedConfiguration(arguments, command: "webchat")
            let token = served.address.isLocal ? nil : RandomName.make()
            // Without a key of its own the API is open to whoever has the page's token.
            let address = served.address.withKey(served.address.key ?? token)
            let server = HTTPServer(
                address, routes: ChatPage().routes + APIRoutes(served.models).routes,
                pageToken: token)
            try served.serve(server) { port in
                let host =
                    address.isLocal ? "localhost" : Foundation.ProcessInfo.processInfo.hostName
                return "open http://\(host):\(port)/" + (token.map { "?token=\($0)" } ?? "")
            }
        } catch {
            Failure.end(error)
        }
    }
}
