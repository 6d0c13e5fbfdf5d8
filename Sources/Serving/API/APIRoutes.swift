/// All endpoints of `lockstep api`: one line a group.
package struct APIRoutes: RouteGroup {
    private let models: ServedModels

    package init(_ models: ServedModels) { self.models = models }

    package var routes: [Route] {
        let groups: [any RouteGroup] = [
            ModelRoutes(models), ChatRoutes(models), CompletionRoutes(models),
            EmbeddingRoutes(models), ScoreRoutes(models), TokenRoutes(models),
            FigureRoutes(models),
        ]
        let routes = groups.flatMap(\.routes)
        return routes + OpenAPIRoutes(of: routes).routes
    }
}
