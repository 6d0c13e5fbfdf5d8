import Files
import Serving
import Testing

@Suite struct RouteTests {
    private static let echo = Route(.post, "/echo/{name}/{rest*}", access: .page, bodyLimit: 8) {
        request throws(ServerProblem) in
        .text("\(request.parameters["name"] ?? "")|\(request.parameters["rest"] ?? "")")
    }

    private func server(
        _ environment: [String: String] = [:], token: String? = nil
    ) throws -> HTTPServer {
        let routes =
            [
                Self.echo,
                Route(.get, "/page", access: .page) { _ throws(ServerProblem) in .page("x") },
            ]
            + APIRoutes(ServedModels()).routes
        return HTTPServer(
            try ServerAddress(environment: environment), routes: routes, pageToken: token)
    }

    private func ask(
        _ server: HTTPServer, _ method: String, _ target: String, _ headers: [String: String] = [:],
        body: String = ""
    ) async -> Reply {
        await Reply(
            server.respond(
                ServerRequest(method, target, headers: headers, body: Array(body.utf8))))
    }

    @Test func pathsHaveParameters() async throws {
        let server = try server()
        #expect(await ask(server, "POST", "/echo/a%20b/c/d?x=1").text == "a b|c/d")
        #expect(await ask(server, "POST", "/echo/a").text == "a|")
        #expect(await ask(server, "POST", "/echo").status == 404)
        #expect(await ask(server, "GET", "/echo/a/b").status == 405)
        #expect(await ask(server, "POST", "/echo/%zz").status == 400)
        let large = await ask(server, "POST", "/echo/a", body: "123456789")
        #expect(large.status == 413 && large.error("code") == "body_too_large")
    }

    @Test func aKeyIsAskedForWhereOneIsSet() async throws {
        let server = try server(["API_KEY": "secret"])
        for (header, status) in [
            (nil, 401), ("Bearer secre", 401), ("Bearer secrets", 401), ("Bearer ", 401),
            ("Basic secret", 401), ("secret", 401), ("Bearer secret", 200), ("bearer secret", 200),
        ] {
            let headers = header.map { ["authorization": $0] } ?? [:]
            let reply = await ask(server, "GET", "/v1/models", headers)
            #expect(reply.status == status, "\(header ?? "none")")
            if status == 401 { #expect(reply.error("code") == "invalid_api_key") }
        }
        #expect(await ask(server, "GET", "/health").status == 503, "open, but nothing is loaded")
        #expect(await ask(try self.server(), "GET", "/v1/models").status == 200)
    }

    @Test func pagesAskForTheirTokenOnceAndThenKnowTheirCookie() async throws {
        let server = try server(["API_KEY": "secret"], token: "t0ken")
        #expect(await ask(server, "GET", "/page").status == 401)
        #expect(await ask(server, "GET", "/page?token=other").status == 401)
        let first = await ask(server, "GET", "/page?token=t0ken")
        #expect(first.status == 200 && first.text == "x")
        #expect(first.headers["content-security-policy"]?.contains("default-src 'none'") == true)
        let cookie = try #require(first.headers["set-cookie"])
        #expect(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"))
        let sent = ["cookie": "a=b; " + cookie.prefix { $0 != ";" }]
        #expect(await ask(server, "GET", "/page", sent).status == 200)
        // The page's own requests to the API need no key.
        #expect(await ask(server, "GET", "/v1/models", sent).status == 200)
        #expect(
            await ask(server, "GET", "/v1/models", ["cookie": "lockstep_token=x"]).status == 401)
    }

    @Test func otherSitesAreRefused() async throws {
        let server = try server()
        for (host, origin, status) in [
            ("localhost:8000", nil, 200), ("127.0.0.1:8000", "http://127.0.0.1:8000", 200),
            ("127.0.0.1:8000", "http://evil.example", 403), ("127.0.0.1:8000", "null", 403),
            ("localhost:8000", "http://localhost:9000", 403), ("evil.example:8000", nil, 403),
            ("[::1]:8000", nil, 200), ("127.0.0.1.evil.example", nil, 403),
        ] {
            var headers = ["host": host]
            headers["origin"] = origin
            let reply = await ask(server, "GET", "/v1/models", headers)
            #expect(reply.status == status, "\(host) \(origin ?? "")")
        }
        let open = try self.server(["API_HOST": "0.0.0.0"])
        #expect(await ask(open, "GET", "/v1/models", ["host": "node7:8000"]).status == 200)
    }

    @Test func problemsHaveOpenAIsShape() async throws {
        let reply = await ask(try server(), "GET", "/nowhere")
        let error = try #require(reply.json["error"])
        #expect(error.members?.map(\.key) == ["message", "type", "param", "code"])
        #expect(reply.status == 404 && error["type"]?.string == "not_found_error")
        #expect(reply.headers["content-type"] == "application/json")
    }
}
