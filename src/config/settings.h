#pragma once
/* settings.h: the one table of all settings. Its rows are the parser of the file, the environment
 * and the flags, `alco serve --help`, the commented default file and doc/config.md.
 *
 * A key is a path: `a.b` is b in the mapping a, `a[]` an item of the list a, `a.*` any key of the
 * mapping a. The flag is the last name of the path with - for _, the variable ALCO_ and the name in
 * capitals; rows without either have "". A list's flag may be given several times, and its variable
 * has white space between items. */
#include <stdint.h>

typedef enum setting_kind {
    SETTING_TEXT,
    SETTING_NUMBER, /* min..max */
    SETTING_BYTES,  /* as al_parse_bytes, min..max */
    SETTING_CHOICE, /* one of the words of `form`, with | between them */
} setting_kind;

typedef enum setting_when {                /* a change takes effect */
                            SETTING_START, /* at the next start */
                            SETTING_LIVE,  /* with SIGHUP, too */
} setting_when;

typedef struct setting {
    const char *key;
    const char *also; /* a scalar at this path means this setting, too; "": none */
    const char *flag; /* without --; "": only in the file */
    const char *form; /* of the value, for people */
    setting_kind kind;
    setting_when when;
    uint64_t min, max;
    const char *otherwise; /* value when it is not set, as people write it; "": none */
    const char *example;   /* for the default file, as YAML; "": its default */
    const char *sentence;
} setting;

/* clang-format off */
#define SETTINGS(X) \
    X(LISTEN, "listen", "", "listen", "HOST:PORT", TEXT, START, 0, 0, "127.0.0.1:8000", "", \
      "address of page and API; port 0 takes a free one, unix:PATH a socket") \
    X(DATA, "data", "", "data", "DIR", TEXT, START, 0, 0, "./alco-data", "", \
      "where everything is kept; made when it is not there") \
    X(HOSTS, "hosts[]", "", "hosts", "NAME", TEXT, LIVE, 0, 0, "", "[logs.example.com]", \
      "names under which browsers reach the page, beside addresses and localhost") \
    X(PAGE_SIZE, "page_size", "", "page-size", "ROWS", NUMBER, LIVE, 1, 10000, "100", "", \
      "rows of an answer when the request names no limit") \
    X(MEMORY, "memory", "", "memory", "BYTES", BYTES, START, 8ULL << 20, 1ULL << 44, "256MiB", "", \
      "the one budget of memory") \
    X(MIN_FREE, "min_free", "", "min-free", "BYTES", BYTES, LIVE, 0, UINT64_MAX - 1, "1GiB", "", \
      "what stays free on the disk: below it input stops, or the oldest goes (when_low)") \
    X(WHEN_LOW, "when_low", "", "when-low", "stop|drop", CHOICE, LIVE, 0, 0, "stop", "", \
      "when less than min_free is left: stop input until there is room, or drop the oldest " \
      "records, never today's") \
    X(QUERY_TIMEOUT, "query_timeout", "", "query-timeout", "SECONDS", NUMBER, LIVE, 1, 3600, "30", "", \
      "what a query may take, waiting for others included") \
    X(QUERIES_WAITING, "queries_waiting", "", "queries-waiting", "COUNT", NUMBER, LIVE, 1, 1000000, "1024", "", \
      "how many requests may wait for a worker; one more gets 503") \
    X(REQUEST_TIMEOUT, "request_timeout", "", "request-timeout", "SECONDS", NUMBER, LIVE, 1, 3600, "30", "", \
      "what a client may take to send a request that is no upload") \
    X(CONNECTIONS, "connections_per_address", "", "connections-per-address", "COUNT", NUMBER, START, 1, 1000000, \
      "8192", "", "connections that one address may hold") \
    X(AMQP, "amqp[].url", "amqp[]", "amqp", "URL", TEXT, START, 0, 0, "", "\"amqp://guest:guest@127.0.0.1:5672/\"", \
      "read from this RabbitMQ, amqp://user:password@host:5672/vhost or amqps; several never " \
      "block each other") \
    X(MANAGEMENT, "amqp[].management", "", "management", "URL", TEXT, START, 0, 0, "", "\"http://127.0.0.1:15672\"", \
      "management API of that broker: stale bindings are looked up there and removed; as a flag " \
      "it belongs to the --amqp before it") \
    X(FOLLOW, "follow[]", "", "follow", "INDEX=GLOB", TEXT, START, 0, 0, "", "[\"system=/var/log/*.log\"]", \
      "read the files that the glob names, now and when they appear, into the index, which is " \
      "made when it is not there; knows rotation") \
    X(REDIS, "redis", "", "redis", "URL", TEXT, START, 0, 0, "", "redis://127.0.0.1:6379/0", \
      "keep the values of filtered fields there, as old ALCO did; absent: in the store") \
    X(SPHINX_SHARDS, "sphinx.shards[][]", "", "", "HOST:PORT", TEXT, START, 0, 0, "", "[[\"127.0.0.1:9306\"]]", \
      "SphinxQL addresses for indexes of engine sphinx: a list of shards, each a list of mirrors") \
    X(SPHINX_DATA_DIR, "sphinx.data_dir", "", "", "DIR", TEXT, START, 0, 0, "/data/sphinx", "", \
      "a node's files lie under DIR/host-port/") \
    X(SPHINX_INDEX, "sphinx.index.*", "", "", "VALUE", TEXT, START, 0, 0, "", "{min_word_len: 1}", \
      "lines for the index sections of sphinx.conf") \
    X(SPHINX_INDEX_JS, "sphinx.index_js", "", "", "yes|no", CHOICE, START, 0, 0, "yes", "", \
      "may full text be looked for in fields without the flag indexed, too: the tables made from now on have " \
      "a full-text field js") \
    X(SPHINX_SEARCHD, "sphinx.searchd.*", "", "", "VALUE", TEXT, START, 0, 0, "", "{dist_threads: 4}", \
      "lines for its searchd section")
/* clang-format on */

#define SETTING_ID(id, ...) SET_##id,
typedef enum setting_id { SETTINGS(SETTING_ID) SETTINGS_N } setting_id;
#undef SETTING_ID

extern const setting settings[SETTINGS_N];
