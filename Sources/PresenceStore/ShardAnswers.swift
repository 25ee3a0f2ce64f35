/// What a call to many shards came to: the answer of each that could be asked, and why the others could not.
package struct ShardAnswers<Answer: Sendable>: Sendable {
    package private(set) var answers: [Shard: Answer] = [:]
    package private(set) var failures: [Shard: StoreError] = [:]

    package subscript(shard: Shard) -> Answer? { answers[shard] }

    /// Reads the reply of each shard; nil is none worth telling.
    init<Reply>(
        _ shards: some Sequence<Shard>, _ replies: [Reply], _ read: (Reply) throws(StoreError) -> Answer?
    ) {
        for (shard, reply) in zip(shards, replies) {
            do throws(StoreError) { answers[shard] = try read(reply) } catch { failures[shard] = error }
        }
    }
}
