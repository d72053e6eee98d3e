/* One message out of its frames. See amqp_message.h.
 * The library could join frames itself, but bodies of any size, and then nobody could answer a
 * basic.cancel between two of them. Whatever a frame points to is copied: the library uses its
 * memory again. */
#include "inputs/amqp_message.h"

#include <string.h>

#include "base/checked.h"

al_code amqp_message_init(amqp_message *m, const ledger_session *l, const ledger_session *heir,
                          al_err *err)
{
    *m = (amqp_message){.l = l, .heir = heir, .hash = ledger_hash_new()};
    al_buf_init(&m->body, AMQP_BODY_BYTES_MAX);
    if (heir)
        m->heir_hash = ledger_hash_new();
    if (!m->hash || (heir && !m->heir_hash))
        return al_fail(err, AL_NOMEM, "no memory for a session");
    return AL_OK;
}

void amqp_message_done(amqp_message *m)
{
    m->hash = ledger_hash_free(m->hash);
    m->heir_hash = ledger_hash_free(m->heir_hash);
    al_buf_done(&m->body);
}

al_code amqp_message_deliver(amqp_message *m, const amqp_basic_deliver_t *d, al_err *err)
{
    if (m->is_expected || d->routing_key.len > sizeof m->key || d->delivery_tag <= m->d.tag)
        return al_fail(err, AL_IO, "the broker sent a delivery where none may be");
    m->d = (ledger_delivery){.tag = d->delivery_tag, .is_redelivered = d->redelivered};
    m->key_len = d->routing_key.len;
    if (m->key_len)
        memcpy(m->key, d->routing_key.bytes, m->key_len);
    m->is_expected = true;
    m->has_header = false;
    return AL_OK;
}

static void whole(amqp_message *m)
{
    al_slice id = {m->id, m->id_len};
    m->is_expected = false;
    m->d.has_id = id.len > 0;
    m->d.key = m->d.has_id ? ledger_key_of_id(m->l, id) : ledger_hash_end(m->hash);
    if (m->heir)
        m->heir_key = m->d.has_id ? ledger_key_of_id(m->heir, id) : ledger_hash_end(m->heir_hash);
}

al_code amqp_message_header(amqp_message *m, uint64_t body_bytes, const amqp_basic_properties_t *p,
                            bool *ret_is_whole, al_err *err)
{
    if (!m->is_expected || m->has_header)
        return al_fail(err, AL_IO, "the broker sent a header where none may be");
    m->has_header = true;
    m->body_left = body_bytes;
    m->is_cut = body_bytes > AMQP_BODY_BYTES_MAX;
    m->id_len = 0;
    if (p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) {
        m->id_len = AL_MIN(p->message_id.len, sizeof m->id);
        if (m->id_len)
            memcpy(m->id, p->message_id.bytes, m->id_len);
    }
    al_buf_clear(&m->body);
    ledger_hash_begin(m->hash, m->l, (al_slice){m->key, m->key_len});
    if (m->heir)
        ledger_hash_begin(m->heir_hash, m->heir, (al_slice){m->key, m->key_len});
    *ret_is_whole = body_bytes == 0;
    if (*ret_is_whole)
        whole(m);
    return AL_OK;
}

al_code amqp_message_body(amqp_message *m, al_slice piece, bool *ret_is_whole, al_err *err)
{
    if (!m->is_expected || !m->has_header || piece.len > m->body_left)
        return al_fail(err, AL_IO, "the broker sent a body where none may be");
    ledger_hash_add(m->hash, piece);
    if (m->heir)
        ledger_hash_add(m->heir_hash, piece);
    al_buf_slice_put(&m->body, al_slice_sub(piece, 0, AMQP_BODY_BYTES_MAX - m->body.len));
    if (al_buf_code(&m->body))
        return al_fail(err, AL_NOMEM, "no memory for a message of %zu bytes", m->body.len);
    m->body_left -= piece.len;
    *ret_is_whole = m->body_left == 0;
    if (*ret_is_whole)
        whole(m);
    return AL_OK;
}

void amqp_message_taken(amqp_message *m)
{
    al_buf_reuse(&m->body, AMQP_BODY_BYTES_KEPT);
}
