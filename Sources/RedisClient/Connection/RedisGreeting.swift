/// The commands that introduce us, and whether what is answered is a server to work with.
struct RedisGreeting: Sendable {
    let commands: [RedisCommand]
    private let database: Int
    private let mustBeMaster: Bool

    init(login: RedisEndpoint.Login?, database: Int, clientName: String, mustBeMaster: Bool) {
        self.database = database
        self.mustBeMaster = mustBeMaster
        var commands: [RedisCommand] = []
        if let login {
            commands.append(RedisCommand(keyless: "AUTH", [login.user, login.password].compactMap(\.self)))
        }
        if database != 0 { commands.append(RedisCommand(keyless: "SELECT", String(database))) }
        commands.append(RedisCommand(keyless: "CLIENT", "SETNAME", clientName))
        if mustBeMaster { commands.append(RedisCommand(keyless: "ROLE")) }
        // A server with too many clients answers the first command with that and hangs up: PING tells.
        self.commands = commands + [RedisCommand(keyless: "PING")]
    }

    /// Why a server that answered so cannot be worked with; nil if it can. A name that was refused does no harm.
    func refusal(answers: [RedisResult]) -> RedisError? {
        for (command, answer) in zip(commands, answers) {
            switch (command.words[0], answer) {
            case (_, .failure(let error)) where error.code == .rejected(.authentication), ("AUTH", .failure(let error)):
                let kind = RedisReplyError.Kind.authentication
                return RedisError(.rejected(kind), kind.advice, underlying: error.underlying)
            case ("SELECT", .failure(let error)):
                return RedisError(
                    .invalidConfiguration,
                    "Redis refused database \(database). Name one in redis.url that exists, and add +select to its user's ACL.",
                    underlying: error.underlying)
            case ("ROLE", .failure(let error)) where error.code == .rejected(.noPermission): return error
            case ("ROLE", .success(let role)) where role.array?.first?.string != "master": return .notAMaster
            default: continue
            }
        }
        return nil
    }
}

extension RedisError {
    /// Asked of where the masters are, not of this server, is what helps.
    static let notAMaster = RedisError(
        .notSent, "Redis is failing over: the server asked is no master. Try again.")
}
