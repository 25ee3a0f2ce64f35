import Faults
import PresenceStore
import RedisClient
import Testing

@Suite(.timeLimit(.minutes(5))) struct WrongTypeTests {
    @Test("A key of another type in the place of any key of a script is refused before the first write, or tolerated")
    func everyKey() async throws {
        let trials = try await WrongTypes.run()
        for flaw in trials.compactMap(\.flaw) { Issue.record("\(flaw)") }
        let scripts = Set((Scripts.all + Scripts.ofInspection).map(\.script.name))
        #expect(Set(trials.map(\.script)) == scripts.subtracting(["check_permissions"]))
    }
}
