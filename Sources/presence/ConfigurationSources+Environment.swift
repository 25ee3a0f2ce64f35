extension ConfigurationSources {
    /// What the environment says for each key.
    /// - Throws: for a variable that is but a slip away from one of ours. Others are not refused: the environment is
    ///   not ours alone.
    static func values(of environment: [String: String]) throws(StartError) -> [String: ConfigurationValue] {
        let variables = ConfigurationKey.known.map(\.variable)
        for variable in unknownVariables(in: environment) {
            guard let meant = variables.nearest(to: variable) else { continue }
            throw StartError(.configuration, "There is no variable \(variable); is \(meant) meant? Otherwise unset it.")
        }
        var values: [String: ConfigurationValue] = [:]
        for key in ConfigurationKey.known {
            guard let text = environment[key.variable] else { continue }
            values[key.name] = ConfigurationValue(.text(text), at: .variable(key.variable))
        }
        return values
    }

    /// The variables that look like ours, are not, and were not made by Kubernetes for a service of the namespace.
    static func unknownVariables(in environment: [String: String]) -> [String] {
        let known = Set(ConfigurationKey.known.map(\.variable))
        return environment.filter { $0.key.hasPrefix("PRESENCE_") && !known.contains($0.key) && !isServiceLink($0) }
            .keys.sorted()
    }

    /// `PRESENCE_SERVICE_HOST`, `PRESENCE_REDIS_SERVICE_PORT_HTTP`, `PRESENCE_REDIS_PORT=tcp://10.0.0.1:6379`,
    /// `PRESENCE_PORT_8080_TCP_ADDR` and the like.
    private static func isServiceLink(_ variable: (key: String, value: String)) -> Bool {
        variable.key.contains(/_SERVICE_(HOST|PORT)|_PORT_[0-9]+_(TCP|UDP|SCTP)/)
            || variable.key.hasSuffix("_PORT") && variable.value.contains("://")
    }
}
