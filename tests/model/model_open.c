// SPDX-License-Identifier: MIT
/*
 * nnvme_device_open() for the model. Any PCI address gives a controller: one that a test created
 * under that name, or a new one from the defaults and $NNVME_MODEL (see model_configure()), which
 * keeps its data until the process ends.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model_private.h"

static pthread_mutex_t models_lock = PTHREAD_MUTEX_INITIALIZER;
static struct model *models;

/* Any spelling of an address to the first: 0000:41:00.0, 41:00.0, 0000.41.00.0. */
int model_name(const char *name, char out[32])
{
	unsigned domain = 0, bus, device, function;
	int end = -1;

	if (sscanf(name, "%4x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &end) < 4)
		end = -1;
	if (end < 0 &&
	    sscanf(name, "%4x.%2x.%2x.%1x%n", &domain, &bus, &device, &function, &end) < 4)
		end = -1;
	if (end < 0) {
		domain = 0;
		if (sscanf(name, "%2x:%2x.%1x%n", &bus, &device, &function, &end) < 3)
			end = -1;
	}
	if (end < 0 || name[end] || device > 31 || function > 7)
		return -EINVAL;
	snprintf(out, 32, "%04x:%02x:%02x.%x", domain, bus, device, function);
	return 0;
}

void model_enroll(struct model *m)
{
	pthread_mutex_lock(&models_lock);
	m->next = models;
	models = m;
	pthread_mutex_unlock(&models_lock);
}

void model_expel(struct model *m)
{
	pthread_mutex_lock(&models_lock);
	for (struct model **p = &models; *p; p = &(*p)->next)
		if (*p == m) {
			*p = m->next;
			break;
		}
	pthread_mutex_unlock(&models_lock);
}

struct model *model_find(const char *name)
{
	char wanted[32];
	struct model *m = NULL;

	if (model_name(name, wanted))
		return NULL;
	pthread_mutex_lock(&models_lock);
	for (m = models; m && strcmp(m->name, wanted); m = m->next)
		;
	pthread_mutex_unlock(&models_lock);
	return m;
}

static int create(const char *name, struct model **m, struct nnvme_err *err)
{
	const char *text = getenv("NNVME_MODEL");
	struct model_config config;
	int ret;

	model_defaults(&config);
	ret = text ? model_configure(&config, text, err) : 0;
	if (ret)
		return ret;
	config.name = name;
	return model_create(&config, m, err);
}

static int claim(struct model *m, enum nnvme_mode mode, struct nnvme_err *err)
{
	bool busy;

	if (mode != NNVME_MODE_AUTO && mode != m->config.mode)
		return nnvme_fail(err, -EOPNOTSUPP, "%s: this device can't do %s mode: use mode "
				  "auto", m->name, mode == NNVME_MODE_IOMMU ? "iommu" : "noiommu");
	model_lock(m);
	busy = m->open;
	m->open = true;
	model_unlock(m);
	if (busy)
		return nnvme_fail(err, -EBUSY, "%s is open already: close it there first", m->name);
	return 0;
}

int nnvme_device_open(const char *name, enum nnvme_mode mode, struct nnvme_device **dev,
		      struct nnvme_err *err)
{
	struct model *m;
	char spelled[32];
	int ret;

	if (!name || model_name(name, spelled))
		return nnvme_fail(err, -EINVAL, "\"%s\" is no PCI address: spell it as "
				  "0000:41:00.0", name ? name : "");
	m = model_find(spelled);
	ret = m ? 0 : create(spelled, &m, err);
	if (!ret)
		ret = claim(m, mode, err);
	if (ret)
		return ret;
	if (!m->config.manual)
		model_start(m);
	*dev = &m->dev;
	return 0;
}
