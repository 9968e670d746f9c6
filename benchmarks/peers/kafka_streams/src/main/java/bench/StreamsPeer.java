package bench;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Keeps in a persistent store who was last active and last messaged; a tick, one record for each partition, scans it.
 *
 * <p>Cache, commit interval and store are the defaults of Kafka Streams under exactly_once_v2.
 */
public final class StreamsPeer {
    private static final String STORE = "state";
    private static final long NEVER = Long.MIN_VALUE;
    private static final long THRESHOLD_MICROS = Duration.ofHours(1).toNanos() / 1_000;
    private static final long FREQUENCY_MICROS = Duration.ofHours(24).toNanos() / 1_000;
    private static final ObjectMapper JSON =
            new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);
    private static final AtomicBoolean BEGUN = new AtomicBoolean();

    private StreamsPeer() {}

    /** An event of the activity topic. */
    public static final class Activity {
        public String type;
        public String user_id;
        public String occurred_at;
        public String source;
    }

    /** A request to evaluate all users of a partition. */
    public static final class Tick {
        public String type;
        public String at;
    }

    public static void main(String[] arguments) throws InterruptedException {
        KafkaStreams streams = new KafkaStreams(topology(), settings());
        CountDownLatch ended = new CountDownLatch(1);
        Runtime.getRuntime()
                .addShutdownHook(
                        new Thread(
                                () -> {
                                    streams.close(Duration.ofSeconds(20));
                                    ended.countDown();
                                }));
        streams.start();
        ended.await();
    }

    private static Topology topology() {
        Topology topology = new Topology();
        topology.addSource("activity", new StringDeserializer(), new ByteArrayDeserializer(), variable("TOPIC"));
        topology.addSource("ticks", new StringDeserializer(), new ByteArrayDeserializer(), variable("TICK_TOPIC"));
        topology.addProcessor("fold", Fold::new, "activity");
        topology.addProcessor("evaluate", Evaluate::new, "ticks");
        topology.addStateStore(
                Stores.keyValueStoreBuilder(
                                Stores.persistentKeyValueStore(STORE), Serdes.String(), Serdes.ByteArray())
                        .withCachingEnabled(),
                "fold",
                "evaluate");
        topology.addSink(
                "messages", variable("MESSAGE_TOPIC"), new StringSerializer(), new ByteArraySerializer(), "evaluate");
        return topology;
    }

    private static Properties settings() {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, variable("GROUP"));
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, variable("KAFKA"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, variable("STATE_FOLDER"));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, variable("THREADS"));
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        return settings;
    }

    private static String variable(String name) {
        String value = System.getenv(name);
        if (value == null) {
            throw new IllegalArgumentException(name + " is not set");
        }
        return value;
    }

    private static long micros(String written) {
        return ChronoUnit.MICROS.between(Instant.EPOCH, Instant.parse(written));
    }

    private static byte[] state(long lastActive, long lastMessaged) {
        return ByteBuffer.allocate(16).putLong(lastActive).putLong(lastMessaged).array();
    }

    private static <T> T read(byte[] value, Class<T> type) {
        try {
            return JSON.readValue(value, type);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static final class Fold implements Processor<String, byte[], Void, Void> {
        private KeyValueStore<String, byte[]> store;

        @Override
        public void init(ProcessorContext<Void, Void> context) {
            store = context.getStateStore(STORE);
        }

        @Override
        public void process(Record<String, byte[]> record) {
            if (!BEGUN.getAndSet(true)) {
                System.out.println("first_record");
            }
            Activity event = read(record.value(), Activity.class);
            long at = micros(event.occurred_at);
            byte[] known = store.get(event.user_id);
            if (known == null) {
                store.put(event.user_id, state(at, NEVER));
                return;
            }
            ByteBuffer fields = ByteBuffer.wrap(known);
            if (at > fields.getLong()) {
                store.put(event.user_id, state(at, fields.getLong()));
            }
        }
    }

    private static final class Evaluate implements Processor<String, byte[], String, byte[]> {
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, byte[]> store;

        @Override
        public void init(ProcessorContext<String, byte[]> context) {
            this.context = context;
            store = context.getStateStore(STORE);
        }

        @Override
        public void process(Record<String, byte[]> record) {
            String written = read(record.value(), Tick.class).at;
            long at = micros(written);
            try (KeyValueIterator<String, byte[]> users = store.all()) {
                while (users.hasNext()) {
                    KeyValue<String, byte[]> user = users.next();
                    ByteBuffer fields = ByteBuffer.wrap(user.value);
                    long lastActive = fields.getLong();
                    long lastMessaged = fields.getLong();
                    boolean inactive = at - lastActive > THRESHOLD_MICROS;
                    if (inactive && (lastMessaged == NEVER || at - lastMessaged >= FREQUENCY_MICROS)) {
                        store.put(user.key, state(lastActive, at));
                        byte[] message = message(user.key, written);
                        context.forward(new Record<>(user.key, message, System.currentTimeMillis()));
                    }
                }
            }
        }

        private static byte[] message(String userId, String at) {
            Map<String, String> fields = new LinkedHashMap<>();
            byte[] identity = (at + "/" + userId).getBytes(StandardCharsets.UTF_8);
            fields.put("message_id", UUID.nameUUIDFromBytes(identity).toString());
            fields.put("type", "CLIENT_ENGAGEMENT_BRAND");
            fields.put("user_id", userId);
            fields.put("content", "Hi there, just checking in! 👋");
            fields.put("segment", "normal");
            fields.put("tone", "neutral");
            fields.put("reason", "eligible");
            fields.put("tick_id", at);
            fields.put("decided_at", at);
            try {
                return JSON.writeValueAsBytes(fields);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
    }
}
