/// All endpoints of `lockstep api`: one line a group.
package struct APIRoutes: RouteGroup {
    private let models: ServedModels
    private let replicas: ReplicaSet?

    /// - Parameter replicas: those that share the work; `nil` where this process has all of it.
    package init(_ models: ServedModels, _ replicas: ReplicaSet? = nil) {
        self.models = models
        self.replicas = replicas
    }

    package var routes: [Route] {
        let groups: [any RouteGroup] = [
            ModelRoutes(models), ChatRoutes(models), CompletionRoutes(models),
            EmbeddingRoutes(models), ScoreRoutes(models), TokenRoutes(models),
            FigureRoutes(models, replicas),
        ]
        let routes = groups.flatMap(\.routes).map { replicas?.spread($0) ?? $0 }
        return routes + OpenAPIRoutes(of: routes).routes
    }
}
