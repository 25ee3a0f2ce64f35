import PresenceCore
import RedisClient

/// Where Redis is.
extension ConfigurationSources {
    func redis() throws(StartError) -> RedisEndpoint? {
        guard let url = try text(.redisURL) else { return nil }
        do {
            return try RedisEndpoint(url)
        } catch {
            let place = given(.redisURL).map { "; it is \($0.place)." } ?? "."
            throw StartError(.configuration, error.message.dropLast() + place)
        }
    }

    func redisPrefix() throws(StartError) -> String {
        let prefix: String = try required(.redisPrefix)
        guard prefix.utf8.allSatisfy({ $0.isAlphanumeric || "_-".utf8.contains($0) }), prefix.utf8.count <= 32 else {
            throw refused(.redisPrefix, prefix, must: "1 to 32 of A-Z a-z 0-9 _ -")
        }
        return prefix
    }

    func stateFolder(environment: [String: String]) throws(StartError) -> String {
        if let folder = try text(.stateFolder) { return folder }
        if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return state + "/presence" }
        guard let home = environment["HOME"], home.hasPrefix("/") else {
            throw StartError(.configuration, "There is no home folder to keep state in: set state.folder or redis.url.")
        }
        return home + "/.local/state/presence"
    }
}
